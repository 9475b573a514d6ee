"""Signs of life of the worker."""

import time

_STALE_AFTER_S = 30


class Pulse:
    """Written by the worker's thread, read by any."""

    def __init__(self) -> None:
        self._last_beat = time.monotonic()
        self._is_listening = False
        self.database_answers = False

    def beat(self, *, is_listening: bool) -> None:
        """The worker is at work."""
        self._last_beat = time.monotonic()
        self._is_listening = is_listening

    @property
    def is_live(self) -> bool:
        """Whether the worker's thread has been seen lately."""
        return time.monotonic() - self._last_beat < _STALE_AFTER_S

    @property
    def is_ready(self) -> bool:
        """Whether readings travel: subscribed at the broker, and the database takes them."""
        return self.is_live and self._is_listening and self.database_answers
