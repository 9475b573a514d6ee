"""Notices when most of what arrives can't be stored: nobody should learn of a wrong release by a chart."""

from collections import Counter
from collections.abc import Callable, Mapping

_ENOUGH = 20
_SAY_EVERY_S = 60.0


class PoisonWatch:
    """Looks at stretches of at least 20 readings, over as many batches as it takes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._readings = 0
        self._rejected: Counter[str] = Counter()
        self._said_at: float | None = None

    def add(self, readings: int, rejected: Mapping[str, int]) -> str | None:
        """Take a batch into account; returns what to say where most was rejected, at most once a minute."""
        self._readings += readings
        self._rejected.update(rejected)
        if self._readings < _ENOUGH:
            return None
        readings, self._readings = self._readings, 0
        found, self._rejected = self._rejected, Counter()
        if found.total() * 2 <= readings:
            return None
        now = self._clock()
        if self._said_at is not None and now - self._said_at < _SAY_EVERY_S:
            return None
        self._said_at = now
        reasons = ", ".join(f"{reason} {number}" for reason, number in found.most_common())
        return f"{found.total()} of the last {readings} readings were rejected ({reasons})"
