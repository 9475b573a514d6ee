"""How long to wait before the next attempt."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened by up to a half at random,
    so that workers which failed together don't come back together.
    """

    first: float
    longest: float
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first

    def delay(self) -> float:
        """The next wait in seconds."""
        wait = self._next
        self._next = min(2 * wait, self.longest)
        return wait * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards no secret
