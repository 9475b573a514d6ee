"""Readings and values between gaps: silences that are too long for conclusions about the time between."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.masks import Mask
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.trace import Floats


def blocks(ts: Floats, is_gap: Mask | None = None) -> NDArray[np.intp]:
    """Return, for each reading, the number of gaps before it; `is_gap` has other gaps than `rhythm.gaps`."""
    breaks = gaps(ts) if is_gap is None else is_gap
    return np.concatenate(([0], np.cumsum(breaks)))[: len(ts)].astype(np.intp)


def filled(ts: Floats, values: Floats, is_gap: Mask | None = None) -> Floats:
    """Return `values` with NaN replaced by the last known value, or after a gap by the next one.

    So a step over a gap stays in the gap, also where the first readings after the gap lack the signal. Values
    before the first known one stay NaN.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known) or len(known) == len(values):
        return values.copy()
    block = blocks(ts, is_gap)
    place = np.cumsum(~np.isnan(values)) - 1
    before = known[np.maximum(place, 0)]
    after = known[np.minimum(place + 1, len(known) - 1)]
    lost = np.isnan(values)
    unseen = lost & ((place < 0) | (block[before] < block))
    coming = unseen & (block[after] == block) & (place + 1 < len(known))
    result = np.where(lost, values[before], values)
    result[lost & (place < 0)] = np.nan
    result[coming] = values[after[coming]]
    return result
