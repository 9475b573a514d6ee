"""Exponential backoff with jitter."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first` to `longest` seconds, each shortened by up to a half at random.

    The randomness keeps workers that failed together from retrying together.
    """

    first: float
    longest: float
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first

    def delay(self) -> float:
        """Return the next delay in seconds, and double the one after."""
        delay = self._next
        self._next = min(2 * delay, self.longest)
        return delay * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards no secret
