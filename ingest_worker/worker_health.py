"""The worker's liveness and readiness."""

import time

from ingest_worker.time_limits import LIVE_S

_WORKER = "the worker's thread"


class WorkerHealth:
    """The worker's state for health checks; written by the worker's threads, read by any thread."""

    def __init__(self) -> None:
        self._beats = {_WORKER: time.monotonic()}
        self._is_listening = False
        self._broker_problem: str | None = None
        self.database_answers = False
        self.database_problem = "the database has not answered yet"
        self.slot = 0
        """Number of the slot that is held; 0 for none."""
        self.standing_by: str | None = None
        """Reason why the worker has no slot."""

    def beat(self, thread: str = _WORKER) -> None:
        """Record a heartbeat of the worker's thread, or of another one by its name."""
        self._beats[thread] = time.monotonic()

    def rest(self, thread: str) -> None:
        """Expect no heartbeat of this thread until its next one."""
        self._beats.pop(thread, None)

    def note_broker(self, problem: str | None) -> None:
        """Note the reason why the broker sends no messages; None where it does."""
        self._is_listening = problem is None
        self._broker_problem = problem

    @property
    def is_live(self) -> bool:
        """True where each thread that works has sent a heartbeat within 30 s."""
        return self.why_not_live is None

    @property
    def is_ready(self) -> bool:
        """True where readings can be stored: a slot held, subscribed at the broker, the database answers."""
        return self.why_not_ready is None

    @property
    def why_not_live(self) -> str | None:
        """Reason in words; None for a worker that is live."""
        now = time.monotonic()
        for thread, beat in self._beats.copy().items():
            if now - beat >= LIVE_S:
                return f"{thread} has not been seen for {now - beat:.0f} s"
        return None

    @property
    def why_not_ready(self) -> str | None:
        """Reason in words; None for a worker that is ready."""
        if (reason := self.why_not_live or self.standing_by) is not None:
            return reason
        if not self._is_listening:
            return self._broker_problem or "not subscribed at the broker"
        return None if self.database_answers else self.database_problem
