"""An alarm in the log when most readings are rejected, as after a wrong release."""

from collections import Counter
from collections.abc import Callable, Mapping

_LEAST_READINGS = 20
_INTERVAL_S = 60.0


class RejectionAlarm:
    """Compares rejected with received readings over batches that add up to at least 20 readings."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._readings = 0
        self._rejected: Counter[str] = Counter()
        self._alarmed_at: float | None = None

    def add(self, readings: int, rejected: Mapping[str, int]) -> str | None:
        """Count a batch; return a message where over half was rejected, at most once a minute, else None."""
        self._readings += readings
        self._rejected.update(rejected)
        if self._readings < _LEAST_READINGS:
            return None
        readings, self._readings = self._readings, 0
        found, self._rejected = self._rejected, Counter()
        if found.total() * 2 <= readings:
            return None
        now = self._clock()
        if self._alarmed_at is not None and now - self._alarmed_at < _INTERVAL_S:
            return None
        self._alarmed_at = now
        reasons = ", ".join(f"{reason} {number}" for reason, number in found.most_common())
        return f"{found.total()} of the last {readings} readings were rejected ({reasons})"
