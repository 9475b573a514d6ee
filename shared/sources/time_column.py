"""The times of many readings, read at once where all have a usual form."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain, repeat
from typing import Any

from shared.sources.source_time import CENTURY, ReadTime, gbt32960_offset, gbt32960_parts
from shared.wire.time_texts import parse_times_fast
from shared.wire.timestamps import InvalidTimestampError

ReadTimes = Callable[[Sequence[Any]], Sequence[datetime | None]]
"""Read times as sent; None for each that is missing or that `ReadTime` refuses."""

_INTEGERS = {int}


def times_reader(formats: tuple[str, ...], zone: timezone | None, read: ReadTime) -> ReadTimes:
    """Return the reader of many times; `read` reads one of them."""
    fast: Callable[[Sequence[Any]], Sequence[datetime] | None] | None = None
    if formats == ("gbt32960",):
        offset = gbt32960_offset(zone)
        fast = lambda values: _gbt32960(values, offset)  # noqa: E731
    elif {"rfc3339", "iso"} & set(formats):
        # No other format has these texts, so the order of the formats does not matter.
        fast = _texts

    def read_all(values: Sequence[Any]) -> Sequence[datetime | None]:
        moments = None if fast is None or not values else fast(values)
        return [_each(value, read) for value in values] if moments is None else moments

    return read_all


def _each(value: Any, read: ReadTime) -> datetime | None:
    try:
        return read(value)
    except InvalidTimestampError:
        return None


def _texts(values: Sequence[Any]) -> Sequence[datetime] | None:
    return parse_times_fast(values) if {*map(type, values)} == {str} else None


def _gbt32960(values: Sequence[Any], offset: timedelta) -> Sequence[datetime] | None:
    try:
        columns = [*zip(*map(gbt32960_parts, values), strict=True)]
    except (KeyError, TypeError):
        return None
    if {*map(type, chain.from_iterable(columns))} != _INTEGERS:
        return None
    years = [year if year >= CENTURY else year + CENTURY for year in columns[0]]
    try:
        local = [*map(datetime, years, *columns[1:], repeat(0), repeat(UTC))]
        return [moment - offset for moment in local]
    except (ValueError, OverflowError):
        return None
