"""Signs of life of the worker."""

import time

_STALE_AFTER_S = 30


class WorkerHealth:
    """Written by the worker's thread, read by any."""

    def __init__(self) -> None:
        self._last_beat = time.monotonic()
        self._is_listening = False
        self._broker_problem: str | None = None
        self.database_answers = False
        self.database_problem = "the database has not answered yet"
        self.slot = 0
        """The number of the slot that is held; 0 for none."""
        self.standing_by: str | None = None
        """Why the worker has no slot."""

    def beat(self, *, is_listening: bool | None = None, broker_problem: str | None = None) -> None:
        """Note that the worker's thread is at work, and how it stands with the broker where that is given."""
        self._last_beat = time.monotonic()
        if is_listening is not None:
            self._is_listening = is_listening
            self._broker_problem = broker_problem

    @property
    def is_live(self) -> bool:
        """Whether the worker's thread has been seen lately."""
        return self.why_not_live is None

    @property
    def is_ready(self) -> bool:
        """Whether readings travel: a slot held, subscribed at the broker, and the database takes them."""
        return self.why_not_ready is None

    @property
    def why_not_live(self) -> str | None:
        """The reason in words; None for a worker that is live."""
        age = time.monotonic() - self._last_beat
        return None if age < _STALE_AFTER_S else f"the worker's thread has not been seen for {age:.0f} s"

    @property
    def why_not_ready(self) -> str | None:
        """The reason in words; None for a worker that is ready."""
        if (reason := self.why_not_live or self.standing_by) is not None:
            return reason
        if not self._is_listening:
            return self._broker_problem or "not subscribed at the broker"
        return None if self.database_answers else self.database_problem
