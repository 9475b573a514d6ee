"""The alert worker's metrics, which `shared/alert_metric_definitions.py` lists."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from alert_worker.alert_health import AlertHealth
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.shares import Shares
from alert_worker.vehicle_state import VehicleState
from shared import alert_metric_definitions as definitions
from shared.episodes.model import Event
from shared.metric_definitions import Labelled, counter, gauge
from shared.storage.error_classes import Fault

log = logging.getLogger("alert_worker")

BEHIND_S = 10.0
"""Age of an arrival that was not judged from which on the worker says that it can't keep up."""
_SAID_AGAIN_S = 60.0


class AlertMetrics(Collector):
    """Figures of the worker's thread, read by the thread that answers `/metrics`."""

    def __init__(self, shares: Shares, health: AlertHealth, deliveries: DeliveryFigures) -> None:
        self._deliveries = deliveries
        self.oldest_unjudged_s = 0.0
        """Age of the oldest arrival of the last look at the moment at which it was judged."""
        self.look_s = 0.0
        self.whole_due = 0
        self.database_errors = Counter({fault.name.lower(): 0 for fault in Fault})
        """Errors by fault."""
        self._shares = shares
        self._health = health
        self._vehicles = 0
        self._open: Counter[tuple[str, str]] = Counter()
        self._judged = Counter({"newest": 0, "last_hours": 0, "whole": 0})
        self._events = Counter({event.value: 0 for event in Event})
        self._said_at = float("-inf")
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def looked(self, states: Iterable[VehicleState], changed: int, oldest: float | None) -> None:
        """Note the state of all vehicles after a look, and its oldest arrival (seconds since 1970); warn."""
        age = 0.0 if oldest is None else max(time.time() - oldest, 0.0)
        self.oldest_unjudged_s = age
        if age > BEHIND_S and time.monotonic() - self._said_at > _SAID_AGAIN_S:
            self._said_at = time.monotonic()
            log.warning(
                "The looks are behind: of %d vehicles the longest waited for %.0f s; it was judged first.",
                changed,
                age,
            )
        number, open_episodes = 0, Counter[tuple[str, str]]()
        for state in states:
            number += 1
            for episode in state.open:
                open_episodes[str(episode.severity), episode.code] += 1
        self._vehicles, self._open = number, open_episodes

    def judged(self, scope: str, number: int) -> None:
        """Count judgements."""
        self._judged[scope] += number

    def count_events(self, events: Iterable[Event]) -> None:
        """Count events whose transaction has committed."""
        self._events.update(event.value for event in events)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; called for each scrape."""
        yield gauge(definitions.VEHICLES, self._vehicles)
        yield gauge(definitions.SHARES, len(self._shares.held))
        yield gauge(definitions.OLDEST_UNJUDGED, self.oldest_unjudged_s)
        yield gauge(definitions.LOOK_SECONDS, self.look_s)
        yield counter(definitions.JUDGED, _by_label(self._judged))
        yield gauge(definitions.WHOLE_DUE, self.whole_due)
        by_code: Labelled = dict(self._open.items())
        yield gauge(definitions.OPEN_EPISODES, by_code)
        yield counter(definitions.EVENTS, _by_label(self._events))
        yield counter(definitions.ALERT_DATABASE_ERRORS, _by_label(self.database_errors))
        yield counter(definitions.MESSAGES, dict(self._deliveries.attempts.copy().items()))
        yield gauge(definitions.MESSAGES_PENDING, _by_label(Counter(self._deliveries.pending)))
        yield counter(definitions.MESSAGES_GIVEN_UP, self._deliveries.given_up)
        yield gauge(definitions.ALERT_READY, self._health.why_not_ready is None)


def _by_label(numbers: Counter[str]) -> Labelled:
    return {(label,): number for label, number in numbers.copy().items()}
