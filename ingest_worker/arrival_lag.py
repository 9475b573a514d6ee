"""How old readings are when they arrive."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from shared.wire.reading import Row

_KEPT = 10_000
_A_BATCH = 200


class Spread(NamedTuple):
    """Lags in seconds."""

    added: int
    total: float
    quantiles: dict[float, float]
    """Of the last ones; empty before the first."""


class Lag:
    """`received_at - ts` of lately received readings. Added to by one thread, looked at by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque(maxlen=_KEPT)
        self._count = 0
        self._total = 0.0

    def add(self, rows: Sequence[Row]) -> None:
        """Take these readings into account; of a large batch some, evenly, which tell as much."""
        some = rows[:: max(1, len(rows) // _A_BATCH)]
        lags = [(row.received_at - row.ts).total_seconds() for row in some]
        with self._lock:
            self._recent.extend(lags)
            self._count += len(lags)
            self._total += sum(lags)

    def look(self, *quantiles: float) -> Spread:
        """How they are spread now."""
        with self._lock:
            recent, count, total = list(self._recent), self._count, self._total
        recent.sort()
        found = {
            wanted: recent[min(int(wanted * len(recent)), len(recent) - 1)] for wanted in quantiles if recent
        }
        return Spread(count, total, found)
