"""Readings of one moment complete each other: a signal fills a null, and never changes a value. No I/O."""

from collections.abc import Sequence
from enum import Enum
from operator import itemgetter
from typing import Any

from shared.wire.reading import FIRST_SIGNAL, SIGNALS, Row

Key = tuple[str, Any]
"""VIN and ts."""
Signals = tuple[float | None, ...]

KEY = itemgetter(0, 1)


class Verdict(Enum):
    """The effect of a reading on the row of its key."""

    STORED = "stored"
    """The reading adds a signal."""
    DUPLICATE = "duplicate"
    """Each of its signals is there already."""
    CONFLICT = "conflict"
    """A signal has another value there: nothing of the reading is taken."""


def places_by_key(rows: Sequence[Row]) -> dict[Key, list[int]]:
    """Return the indexes of the readings of each key, keys and indexes in the order of arrival."""
    found: dict[Key, list[int]] = {}
    for place, key in enumerate(map(KEY, rows)):
        places = found.get(key)
        if places is None:
            found[key] = [place]
        else:
            places.append(place)
    return found


def complete(known: Signals | None, rows: Sequence[Row]) -> tuple[Row, list[Verdict]]:
    """Apply readings of one key in turn to the signals that are known of it; None where there is no row.

    Returns the row with the first reading's arrival and all signals, known ones included, and the verdict on
    each reading.
    """
    first = rows[0]
    if known is None and len(rows) == 1:
        return first, [Verdict.STORED]
    signals: list[Any] = list(known) if known is not None else [None] * len(SIGNALS)
    verdicts = [_add(row, signals) for row in rows]
    return Row(first.vin, first.ts, first.received_at, *signals), verdicts


def _add(row: Row, signals: list[Any]) -> Verdict:
    """Add the reading's signals to those known, unless one of them has another value there."""
    new = []
    for index, value in enumerate(row[FIRST_SIGNAL:]):
        if value is not None:
            there = signals[index]
            if there is None:
                new.append((index, value))
            elif there != value:
                return Verdict.CONFLICT
    for index, value in new:
        signals[index] = value
    return Verdict.STORED if new else Verdict.DUPLICATE
