"""The worker's metrics, which `shared/metric_definitions.py` lists."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from ingest_worker.arrival_lag import ArrivalLag
from ingest_worker.broker_session import BrokerSession
from ingest_worker.delivery import Delivery
from ingest_worker.worker_health import WorkerHealth
from shared import metric_definitions
from shared.reading_counts import Tally
from shared.storage.error_classes import Fault
from shared.wire.connectivity import Status
from shared.wire.refusal import Reason
from shared.wire.status import VehicleStatus

_QUANTILES = (0.5, 0.99)
_SIZES = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 100_000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class WorkerMetrics(Collector):
    """Counters of the worker's threads, read by the thread that answers `/metrics`."""

    def __init__(self, broker: BrokerSession, health: WorkerHealth) -> None:
        self.tally = Tally()
        # At 0 from the start: Prometheus computes no increase of a series that it has not seen before.
        self.tally.settle(0, rejected={reason.value: 0 for reason in Reason})
        self.lag = ArrivalLag()
        self.messages: Counter[int] = Counter({0: 0, 1: 0})
        """Messages by QoS."""
        self.messages_cleared = 0
        self.statuses = Counter({status.value: 0 for status in Status})
        """Statuses by value: `online`, `offline`."""
        self.source_messages: Counter[tuple[str, str]] = Counter()
        """Messages of sources, by source and outcome."""
        self.receipts_sent = 0
        self.receipts_unsent = 0
        self.database_errors = Counter({fault.name.lower(): 0 for fault in Fault})
        """Errors by fault."""
        self.oldest: Delivery | None = None
        """Oldest delivery that is not committed yet."""
        self.batch_limit = 0
        """Number of readings that a transaction may hold."""
        self.hours_due = 0
        """Number of hours that should be closed by now; set by the thread that closes them."""
        self._broker = broker
        self._health = health
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self.batch_readings = self._histogram(metric_definitions.BATCH_READINGS, _SIZES)
        self.commit_seconds = self._histogram(metric_definitions.COMMIT_SECONDS, _SECONDS)
        self.acknowledge_seconds = self._histogram(metric_definitions.ACKNOWLEDGE_SECONDS, _SECONDS)

    def count_messages(self, deliveries: Sequence[Delivery]) -> None:
        """Count messages that were received from the broker."""
        self.messages.update(delivery.qos for delivery in deliveries)
        self.messages_cleared += sum(not delivery.payload for delivery in deliveries)

    def set_hours_due(self, hours: int) -> None:
        """Keep the number of hours that should be closed by now."""
        self.hours_due = hours

    def count_statuses(self, statuses: Sequence[VehicleStatus]) -> None:
        """Count statuses whose transaction has committed."""
        self.statuses.update(one.status.value for one in statuses)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are read from the session and the health; called for each scrape."""
        connection, inbox = self._broker.connection, self._broker.inbox
        yield from metric_definitions.readings(metric_definitions.WORKER_READINGS, self.tally.snapshot())
        by_qos: metric_definitions.Labelled = {
            (str(qos),): number for qos, number in self.messages.copy().items()
        }
        yield metric_definitions.counter(metric_definitions.MESSAGES_RECEIVED, by_qos)
        yield metric_definitions.counter(metric_definitions.MESSAGES_CLEARED, self.messages_cleared)
        yield metric_definitions.counter(
            metric_definitions.STATUSES,
            {(status,): number for status, number in self.statuses.copy().items()},
        )
        by_source: metric_definitions.Labelled = dict(self.source_messages.copy().items())
        yield metric_definitions.counter(metric_definitions.SOURCE_MESSAGES, by_source)
        yield metric_definitions.counter(metric_definitions.MESSAGES_DROPPED, inbox.unguaranteed_dropped)
        yield metric_definitions.gauge(metric_definitions.MESSAGES_WAITING, len(inbox))
        yield metric_definitions.gauge(metric_definitions.OLDEST_UNACKNOWLEDGED, self._oldest_age())
        yield self._lag()
        yield metric_definitions.counter(metric_definitions.RECEIPTS_SENT, self.receipts_sent)
        yield metric_definitions.counter(metric_definitions.RECEIPTS_UNSENT, self.receipts_unsent)
        yield metric_definitions.counter(metric_definitions.CONNECTIONS, connection.epoch)
        yield metric_definitions.counter(metric_definitions.SESSIONS_LOST, connection.sessions_lost)
        by_fault: metric_definitions.Labelled = {
            (fault,): number for fault, number in self.database_errors.copy().items()
        }
        yield metric_definitions.counter(metric_definitions.DATABASE_ERRORS, by_fault)
        yield metric_definitions.gauge(metric_definitions.SLOT, self._health.slot)
        yield metric_definitions.gauge(metric_definitions.BATCH_LIMIT, self.batch_limit)
        yield metric_definitions.gauge(metric_definitions.BYTES_WAITING, inbox.waiting_bytes)
        yield metric_definitions.gauge(metric_definitions.HOURS_DUE, self.hours_due)
        yield metric_definitions.gauge(metric_definitions.READY, self._health.is_ready)

    def _oldest_age(self) -> float:
        oldest = self.oldest
        return 0.0 if oldest is None else (datetime.now(UTC) - oldest.received_at).total_seconds()

    def _lag(self) -> Metric:
        name, lags = metric_definitions.LAG_SECONDS.name, self.lag.summary(*_QUANTILES)
        family = SummaryMetricFamily(
            name, metric_definitions.LAG_SECONDS.help, count_value=lags.added, sum_value=lags.total
        )
        for quantile, seconds in lags.quantiles.items():
            family.add_sample(name, {"quantile": str(quantile)}, seconds)
        return family

    def _histogram(self, definition: metric_definitions.Definition, buckets: Sequence[float]) -> Histogram:
        return Histogram(definition.name, definition.help, buckets=buckets, registry=self._registry)
