"""The alert worker's loop: claims, looks, judgements of the whole past, retention."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from psycopg import Error as DriverError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alert_worker.alert_health import AlertHealth
from alert_worker.alert_metrics import AlertMetrics
from alert_worker.episode_retention import EpisodeRetention
from alert_worker.looks import Looks
from alert_worker.shares import RENEW_S, ClaimLostError, Shares
from shared.settings import AlertSettings
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.schema_version import require_current_schema

log = logging.getLogger("alert_worker")

LOOK_EVERY_S = 1.0
_WHOLE_SHARE = 0.5
"""Share of the time between two looks in which whole pasts are judged, one of them at least."""
_RETRY_S = 2.0


class AlertWorker:
    """The worker of this process, in one thread."""

    def __init__(
        self,
        settings: AlertSettings,
        engine: Engine,
        shares: Shares,
        health: AlertHealth,
        metrics: AlertMetrics,
    ) -> None:
        self._engine = engine
        self._shares = shares
        self._health = health
        self._metrics = metrics
        self._stopping = threading.Event()
        self._renewed_at = float("-inf")
        self._retention = EpisodeRetention(engine, settings.episodes_keep_days)
        self._looks = Looks(
            engine,
            shares,
            metrics,
            silent_after=timedelta(seconds=settings.alert_silent_after_s),
            beat=self._go_on,
        )

    def stop(self) -> None:
        """Make `run` end after its present statement. Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`. Raises OutdatedSchemaError; an error of the database is waited for."""
        is_checked, is_working = False, True
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not is_checked:
                    with self._engine.connect() as connection:
                        require_current_schema(connection)
                    is_checked = True
                self._turn(began)
                if not is_working:
                    log.info("The database answers again.")
                is_working, self._health.problem = True, None
                pause = LOOK_EVERY_S - (time.monotonic() - began)
            except (SQLAlchemyError, DriverError) as error:
                fault = classify(error)
                self._metrics.database_errors[fault.name.lower()] += 1
                self._health.problem = f"the database: {summarise(error)}"
                if is_working or fault is not Fault.TRANSIENT:
                    log.warning(
                        "Vehicles can't be judged, and are when the database can: %s", summarise(error)
                    )
                is_working, pause = False, _RETRY_S
            except ClaimLostError as error:
                log.warning("Vehicles are left to another worker: %s.", error)
                self._renewed_at, pause = float("-inf"), 0.0
            self._health.beat()
            self._stopping.wait(max(pause, 0.0))
        self._end()

    def _turn(self, began: float) -> None:
        self._renew()
        self._looks.look(_now())
        self._metrics.look_s = time.monotonic() - began
        # At least one, also where looks take all the time: the whole past of each vehicle is judged at last.
        while self._go_on() and self._looks.judge_one_whole(_now()):
            if time.monotonic() - began >= _WHOLE_SHARE * LOOK_EVERY_S:
                break
        if 0 in self._shares.held:
            self._retention.purge_when_due(_now())

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at < RENEW_S:
            return
        with self._engine.begin() as connection:
            self._shares.renew(connection)
        self._renewed_at = time.monotonic()

    def _go_on(self) -> bool:
        """Report a sign of life, keep the claims during a long look, return False where the worker stops."""
        self._health.beat()
        self._renew()
        return not self._stopping.is_set()

    def _end(self) -> None:
        try:
            self._looks.save_all(_now())
            with self._engine.begin() as connection:
                self._shares.release(connection)
        except (SQLAlchemyError, DriverError, ClaimLostError) as error:
            log.warning("The claims are not given back, and run out in some seconds: %s", summarise(error))


def _now() -> datetime:
    return datetime.now(UTC)
