"""The worker's liveness and readiness."""

import time

from ingest_worker.time_limits import LIVE_S


class WorkerHealth:
    """The worker's state for health checks; written by the worker's thread, read by any thread."""

    def __init__(self) -> None:
        self._last_beat = time.monotonic()
        self._is_listening = False
        self._broker_problem: str | None = None
        self.database_answers = False
        self.database_problem = "the database has not answered yet"
        self.slot = 0
        """Number of the slot that is held; 0 for none."""
        self.standing_by: str | None = None
        """Reason why the worker has no slot."""

    def beat(self, *, is_listening: bool | None = None, broker_problem: str | None = None) -> None:
        """Record a heartbeat of the worker's thread, and the broker's state where `is_listening` is given."""
        self._last_beat = time.monotonic()
        if is_listening is not None:
            self._is_listening = is_listening
            self._broker_problem = broker_problem

    @property
    def is_live(self) -> bool:
        """True where the worker's thread has sent a heartbeat within 30 s."""
        return self.why_not_live is None

    @property
    def is_ready(self) -> bool:
        """True where readings can be stored: a slot held, subscribed at the broker, the database answers."""
        return self.why_not_ready is None

    @property
    def why_not_live(self) -> str | None:
        """Reason in words; None for a worker that is live."""
        age = time.monotonic() - self._last_beat
        return None if age < LIVE_S else f"the worker's thread has not been seen for {age:.0f} s"

    @property
    def why_not_ready(self) -> str | None:
        """Reason in words; None for a worker that is ready."""
        if (reason := self.why_not_live or self.standing_by) is not None:
            return reason
        if not self._is_listening:
            return self._broker_problem or "not subscribed at the broker"
        return None if self.database_answers else self.database_problem
