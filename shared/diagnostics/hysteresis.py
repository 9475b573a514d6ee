"""Set and clear conditions with debounce: from masks over readings to spells.

No loop over readings: only what begins and ends a spell is looked at.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats

Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

GAP_S = 300.0
"""So long without a reading and nobody knows what was: see `spells`."""


class Spell(NamedTuple):
    """From the first reading that met the set condition to the last before the end, both included."""

    first: int
    last: int
    ended_by: int | None
    """The reading at whose time it ended: the one after `last`, or `last` itself at a gap. None: active."""


def runs(mask: Mask) -> tuple[Indices, Indices]:
    """Where each run of True begins, and where it stops (the first place after it)."""
    edges = np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def spells(
    ts: Floats, is_set: Mask, is_clear: Mask, *, readings: int = 1, seconds: float = 0.0
) -> list[Spell]:
    """The spells over readings that all have the signal (NaN left out: it neither sets nor clears).

    A spell begins with a run of consecutive readings that meet the set condition: `readings` of them
    over at least `seconds`. It ends at the first later reading that meets the clear condition. A gap
    (GAP_S or more without the signal) ends it at the last reading before, unless the first reading
    after the gap still meets the set condition: then it was, as far as anyone knows, one spell.
    """
    begins, stops = runs(is_set)
    enough = np.maximum(begins + readings - 1, np.searchsorted(ts, ts[begins] + (seconds - 1e-6)))
    begins, enough = begins[enough < stops], enough[enough < stops]
    after_gap = np.diff(ts, prepend=ts[:1]) >= GAP_S
    lost = after_gap & ~is_set
    ends = np.flatnonzero((is_clear & ~is_set) | lost)
    # Runs with the same end are of one spell: a run holds no end, so none lies between them.
    place, first_run = np.unique(np.searchsorted(ends, enough), return_index=True)
    found = []
    for where, run in zip(place.tolist(), first_run.tolist(), strict=True):
        first = int(begins[run])
        if where == len(ends):
            found.append(Spell(first, len(ts) - 1, None))
            continue
        end = int(ends[where])
        found.append(Spell(first, end - 1, end - 1 if lost[end] else end))
    return found
