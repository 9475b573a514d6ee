"""A thread that computes hours and days some time after their last reading."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from shared.settings import WorkerSettings
from shared.storage.close_hours import close_hours, closing_lock, count_due_hours
from shared.storage.engine import writer_engine
from shared.storage.error_classes import summarise

log = logging.getLogger("ingest_worker.hour_closer")

_INTERVAL_S = 60.0
# A pass ends after this time, also where a transaction of another program runs for hours.
_LONGEST_PASS_S = 50.0
_POLL_S = 0.05
_STATEMENT_TIMEOUT_MS = 120_000
_JOIN_S = 1.0


class HourCloser:
    """A thread that closes quiet hours once a minute; of several workers one does, by a lock in the database.

    An error is logged and leaves the hours open, which costs reading time and no exactness. After each pass,
    also one of another worker, `tell_due` is called with the number of hours that should be closed by now.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        interval_s: float = _INTERVAL_S,
        tell_due: Callable[[int], None] = lambda _hours: None,
    ) -> None:
        self._engine = writer_engine(
            settings.database_url,
            name=f"{settings.mqtt_client_id}-hours",
            statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
        )
        self._interval_s = interval_s
        self._tell_due = tell_due
        self._stopping = threading.Event()
        # The end of the process does not wait for a statement of this thread: its transaction is undone.
        self._thread = threading.Thread(target=self._run, name="hour-closer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop_soon(self) -> None:
        """Make the thread end after its present statement. Safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop the thread, and wait for its end for at most 1 s."""
        self.stop_soon()
        self._thread.join(_JOIN_S)
        self._engine.dispose()

    def _run(self) -> None:
        is_working = True
        while not self._stopping.wait(self._interval_s):
            try:
                self._close()
                is_working = True
            except Exception as error:  # noqa: BLE001 - any error ends this pass, never the thread
                if is_working:
                    log.warning("Hours stay open, and are closed later: %s", summarise(error))
                is_working = False

    def _close(self) -> None:
        deadline = time.monotonic() + _LONGEST_PASS_S

        def wait() -> bool:
            return not self._stopping.wait(_POLL_S) and time.monotonic() < deadline

        with closing_lock(self._engine, wait=False) as is_held:
            if is_held:
                closed = close_hours(self._engine, now=datetime.now(UTC), wait=wait)
                log.debug("Closed %d hours.", closed)
        self._tell_due(count_due_hours(self._engine, now=datetime.now(UTC)))
