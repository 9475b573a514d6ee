"""The limit of requests for births: one for each edge node in a minute."""

from collections.abc import Callable

_INTERVAL_S = 60.0


class RebirthRequests:
    """The times of the last requests, by the topic for commands. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def begin_connection(self) -> None:
        """Permit a request at once: a request before the connection was lost may be lost with it."""
        self._last.clear()

    def take(self, command_topic: str) -> bool:
        """Return whether a request may be sent now, and count it as sent."""
        now, last = self._clock(), self._last.get(command_topic)
        if last is not None and now - last < _INTERVAL_S:
            return False
        self._last[command_topic] = now
        return True
