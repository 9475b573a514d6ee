"""Readings of one moment complete each other: a signal fills a null, and never changes a value. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from operator import itemgetter
from typing import Any

from shared.wire.reading import Row

Key = tuple[str, Any]
"""VIN and ts."""
Signals = tuple[float | None, ...]

KEY = itemgetter(0, 1)
_FIRST_SIGNAL = 3


class Verdict(Enum):
    """The effect of a reading on the row of its key."""

    STORED = "stored"
    """The reading adds a signal."""
    DUPLICATE = "duplicate"
    """Each of its signals is there already."""
    CONFLICT = "conflict"
    """A signal has another value there: nothing of the reading is taken."""


@dataclass(slots=True)
class Moment:
    """The readings of one key in one call, in the order of arrival."""

    places: list[int] = field(default_factory=list)
    """Their indexes in the call."""
    rows: list[Row] = field(default_factory=list)


def moments(rows: Iterable[Row]) -> dict[Key, Moment]:
    """Group readings by key, keys and readings in the order of arrival."""
    found: dict[Key, Moment] = {}
    for place, row in enumerate(rows):
        moment = found.setdefault(KEY(row), Moment())
        moment.places.append(place)
        moment.rows.append(row)
    return found


def complete(known: Signals | None, rows: Sequence[Row]) -> tuple[Row, list[Verdict]]:
    """Apply readings of one key in turn to the signals that are known of it; None where there is no row.

    Returns the row with the first reading's arrival and all signals, known ones included, and the verdict on
    each reading.
    """
    first = rows[0]
    signals: list[Any] = list(known) if known is not None else [None] * (len(first) - _FIRST_SIGNAL)
    verdicts = []
    for row in rows:
        sent = row[_FIRST_SIGNAL:]
        if any(
            is_sent is not None and is_there is not None and is_sent != is_there
            for is_sent, is_there in zip(sent, signals, strict=True)
        ):
            verdicts.append(Verdict.CONFLICT)
            continue
        new = [
            is_sent if is_there is None else is_there for is_sent, is_there in zip(sent, signals, strict=True)
        ]
        verdicts.append(Verdict.DUPLICATE if new == signals else Verdict.STORED)
        signals = new
    return Row(first.vin, first.ts, first.received_at, *signals), verdicts
