"""The age of readings on arrival."""

import threading
from collections import deque
from typing import NamedTuple

from shared.wire.reading_block import RowParts

_LAGS_KEPT = 10_000
_SAMPLES_PER_BATCH = 200


class LagSummary(NamedTuple):
    """A summary of lags, in seconds."""

    added: int
    total: float
    quantiles: dict[float, float]
    """Quantiles of the last 10,000 lags; empty before the first."""


class ArrivalLag:
    """`received_at - ts` of the last readings. One thread adds; any thread may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque(maxlen=_LAGS_KEPT)
        self._count = 0
        self._total = 0.0

    def add(self, rows: RowParts) -> None:
        """Add the lags of a batch; of a large one, about 200 samples at even distances."""
        samples = rows.times(max(1, len(rows) // _SAMPLES_PER_BATCH))
        lags = [(received_at - ts).total_seconds() for ts, received_at in samples]
        with self._lock:
            self._recent.extend(lags)
            self._count += len(lags)
            self._total += sum(lags)

    def summary(self, *quantiles: float) -> LagSummary:
        """Return the lags' number, their sum in seconds and these quantiles (0 to 1)."""
        with self._lock:
            recent, count, total = list(self._recent), self._count, self._total
        recent.sort()
        found = {
            quantile: recent[min(int(quantile * len(recent)), len(recent) - 1)]
            for quantile in quantiles
            if recent
        }
        return LagSummary(count, total, found)
