"""Searches in masks over readings, without a loop over the readings."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


def runs(mask: Mask) -> tuple[Indices, Indices]:
    """Return the beginnings of the runs of True, and their stops (the first index after each)."""
    edges = np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def last_true(mask: Mask) -> Indices:
    """Return, for each index, the last one up to it, inclusive, where `mask` is True; -1 before the first."""
    return (
        np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1)) if len(mask) else np.empty(0, np.intp)
    )
