"""A fast parser for usual messages, from bytes to rows in one pass; other messages need the strict parser.

The strict parser (`strict_json` and `Reading`) names every mistake and takes 10 µs a reading; this one takes
1 µs and returns None for any message that might be wrong. For the messages that it accepts the strict parser
returns the same rows: a test compares the two on generated messages.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from shared.wire.reading import MAX_READINGS, SIGNALS, Row, normalise_vin
from shared.wire.reading_block import Column, ReadingBlock
from shared.wire.time_texts import EPOCH, TICK, Ticks, parse_ticks_fast, parse_times_fast
from shared.wire.timestamps import EARLIEST

# Whole seconds or up to microseconds, in UTC: for these `datetime.fromisoformat` agrees with RFC 3339.
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII).fullmatch
# msgspec accepts numbers of more than 4,300 digits, which Python's parser refuses: hence a limit of length.
_LONGEST_READING = 2_000
_VINS = 65_536
LEAST_FOR_ARRAYS = 256
"""For fewer readings the calls of NumPy take longer than Python's own loops."""


def _field(name: str) -> tuple[str, Any, Any]:
    low, high, _unit = SIGNALS[name]
    return name, Annotated[float, Meta(ge=low, le=high)] | None | UnsetType, UNSET


_Fields = msgspec.defstruct(
    "_Fields",
    [("ts", str), ("vin", str | UnsetType, UNSET), *map(_field, SIGNALS)],
    forbid_unknown_fields=True,
    gc=False,
)
_NUMBER = len(_Fields.__struct_fields__)
_ONE = msgspec.json.Decoder(_Fields)
_MANY = msgspec.json.Decoder(list[_Fields])  # type: ignore[valid-type]
_values = msgspec.structs.astuple
_new = tuple.__new__


def parse_reading_fast(payload: bytes, vin: str, *, received_at: datetime, latest: datetime) -> Row | None:
    """Return the row of a single reading of this vehicle, or None where the strict parser has to decide.

    A `ts` after `latest` gives None.
    """
    if len(payload) > _LONGEST_READING:
        return None
    try:
        values = _values(_ONE.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if payload.count(b'"') != _quotes(values):
        return None
    return _row(values, vin, received_at, latest)


def parse_lone_readings_fast(
    payloads: Sequence[bytes], vins: Sequence[str], arrivals: Sequence[datetime], *, latest: datetime
) -> ReadingBlock | None:
    """Return the readings of several messages; None where one of them has to be parsed by itself.

    Each message is a single reading, of the vehicle and with the arrival at the same index.
    """
    if max(map(len, payloads)) > _LONGEST_READING:
        return None
    try:
        found = [*map(_values, map(_ONE.decode, payloads))]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    alike = _alike(found, latest)
    if alike is None or {payload.count(b'"') for payload in payloads} != {alike.quotes}:
        return None
    if alike.vins is not None and tuple(alike.vins) != tuple(vins):
        return None
    return alike.block(vins, arrivals)


class Arrays(NamedTuple):
    """The readings of several messages, each of them an array."""

    rows: ReadingBlock
    counts: Sequence[int]
    """Number of readings of each message."""


def parse_arrays_fast(
    payloads: Sequence[bytes],
    vins: Sequence[str],
    arrivals: Sequence[datetime],
    *,
    latest: datetime,
    most: int,
) -> Arrays | None:
    """Return the readings of arrays up to the one that completes `most` readings.

    None where an array, of the vehicle and with the arrival at the same index, has to be parsed by itself.
    """
    read: list[Any] = []
    counts: list[int] = []
    try:
        for payload in payloads:
            array = _MANY.decode(payload)
            if not 0 < len(array) <= MAX_READINGS or len(payload) > _LONGEST_READING * len(array):
                return None
            read += array
            counts.append(len(array))
            if len(read) >= most:
                break
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    alike = _alike([*map(_values, read)], latest)
    if alike is None or [payload.count(b'"') for payload in payloads[: len(counts)]] != [
        count * alike.quotes for count in counts
    ]:
        return None
    named = [*chain.from_iterable(map(repeat, vins, counts))]
    if alike.vins is not None and [*alike.vins] != named:
        return None
    return Arrays(alike.block(named, [*chain.from_iterable(map(repeat, arrivals, counts))]), counts)


def parse_readings_fast(
    payload: bytes, vin: str | None, *, received_at: datetime, latest: datetime
) -> Sequence[Row] | None:
    """Return the rows of an array, or None where the strict parser has to decide.

    The readings are of the vehicle `vin`, or of any vehicle for None.
    """
    try:
        found = list(map(_values, _MANY.decode(payload)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not 0 < len(found) <= MAX_READINGS or len(payload) > _LONGEST_READING * len(found):
        return None
    quotes = payload.count(b'"')
    alike = _alike(found, latest)
    if alike is not None and quotes == len(found) * alike.quotes:
        return _block_of_array(alike, vin, received_at)
    if quotes != sum(map(_quotes, found)):
        return None
    rows = []
    for values in found:
        row = _row(values, vin, received_at, latest)
        if row is None:
            return None
        rows.append(row)
    return rows


class _Alike(NamedTuple):
    """Readings with the same signals, and times of one form, as columns."""

    vins: Sequence[str] | None
    """None where the readings name no vehicle."""
    times: Sequence[str]
    moments: Sequence[datetime] | None
    ticks: Ticks | None
    """One of `moments` and `ticks` is known."""
    signals: Sequence[Column | None]
    """For each signal the value of each reading; None where there is none."""
    quotes: int
    """Number of quotation marks of each reading if each key occurs once, as `_quotes` returns it."""

    def block(self, vins: Sequence[str], arrivals: Sequence[datetime]) -> ReadingBlock:
        return ReadingBlock(vins, self.moments, arrivals, self.signals, self.times, ticks=self.ticks)


def _alike(found: Sequence[tuple[Any, ...]], latest: datetime) -> _Alike | None:
    """Return the columns of readings that have the same signals and times of one form; None for others.

    The checks are those of `_row`, of whole columns: three times as fast for 50 readings, and for many of
    them as arrays, which are stored as they are.
    """
    times, vins, *columns = zip(*found, strict=True)
    moments, ticks = _moments_or_ticks(times, latest)
    names = set(vins)
    is_named = names != {UNSET}
    if (moments is None and ticks is None) or (is_named and UNSET in names):
        return None
    keys, given = 1 + is_named, 0
    signals: list[Column | None] = []
    for column in columns:
        if column[0].__class__ is float:
            checked = _without_gaps(column)
            if checked is None:
                return None
            keys, given = keys + 1, given + 1
            signals.append(checked)
        elif (values := set(column)) in ({UNSET}, {None}):
            keys += None in values
            signals.append(None)
        else:
            return None
    if not given:
        return None
    quotes = 2 * (keys + 1 + is_named)
    return _Alike(vins if is_named else None, times, moments, ticks, signals, quotes)


def _moments_or_ticks(
    times: Sequence[str], latest: datetime
) -> tuple[Sequence[datetime] | None, Ticks | None]:
    """Parse few times to the first, many to the second; neither where one of them is unusual or too late."""
    if len(times) < LEAST_FOR_ARRAYS:
        moments = parse_times_fast(times)
        is_good = moments is not None and EARLIEST <= min(moments) <= max(moments) <= latest
        return (moments if is_good else None), None
    ticks = parse_ticks_fast(times)
    is_good = ticks is not None and bool(0 <= ticks.min() <= ticks.max() <= (latest - EPOCH) // TICK)
    return None, (ticks if is_good else None)


def _without_gaps(column: Sequence[Any]) -> Column | None:
    """Return a column of numbers, as an array where it is long; None beside a null or a missing value."""
    try:
        if len(column) >= LEAST_FOR_ARRAYS:
            array = np.fromiter(column, np.float64, len(column))
            # A null becomes NaN, which no JSON number is.
            return None if np.isnan(array).any() else array
        # A sum fails beside a null and where a value is missing: of all checks the fastest.
        sum(column)
    except TypeError:
        return None
    return column


def _block_of_array(alike: _Alike, vin: str | None, received_at: datetime) -> ReadingBlock | None:
    """Return the readings of the vehicle `vin`, or of those that they name for None."""
    number = len(alike.times)
    arrivals = [received_at] * number
    if vin is not None:
        if alike.vins is not None and set(alike.vins) != {vin}:
            return None
        return alike.block([vin] * number, arrivals)
    if alike.vins is None:
        return None
    try:
        return alike.block([*map(_normal, alike.vins)], arrivals)
    except ValueError:
        return None


def _quotes(values: Sequence[Any]) -> int:
    """Return the number of quotation marks of such an object if each key occurs once.

    Two for each key, and two for each of the two strings. A repeated key, also one spelled with escapes, and
    an escaped quotation mark in a string add to the number; no input has fewer.
    """
    missing = values.count(UNSET)
    return 2 * (_NUMBER - missing) + (2 if values[1] is UNSET else 4)


def _row(values: tuple[Any, ...], vin: str | None, received_at: datetime, latest: datetime) -> Row | None:
    time, named, soc, soh, volts, amps, max_temp, min_temp, odo_km = values
    try:
        if named is UNSET:
            named = vin
        elif vin is None:
            named = _normal(named)
        ts = datetime.fromisoformat(time) if _USUAL_TIME(time) else None
    except ValueError:
        return None
    if ts is None or named is None or (vin is not None and named != vin) or not EARLIEST <= ts <= latest:
        return None
    # Written out and made without Row's own __new__, for speed: this runs once a reading.
    row: tuple[Any, ...] = (named, ts, received_at, soc, soh, volts, amps, max_temp, min_temp, odo_km)
    if row[-1] is UNSET or UNSET in values:
        row = tuple(None if value is UNSET else value for value in row)
    if soc.__class__ is not float and row.count(None) == len(SIGNALS):
        return None
    return _new(Row, row)


@lru_cache(_VINS)
def _normal(vin: str) -> str:
    # lru_cache does not keep calls that raise, whose argument may be of any length.
    return normalise_vin(vin)
