"""The usual message, from bytes to rows in one pass; whatever is unusual is left to the strict way.

`strict_json` and `Reading` see every mistake and name it, at 10 µs a reading; this takes 1 µs. It answers
None to anything that it can't vouch for. What it does take, the strict way takes too, with the same values:
a test compares them on generated messages.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.wire.reading import MAX_READINGS, SIGNALS, Row, normalise_vin
from shared.wire.timestamps import EARLIEST

# Whole seconds or up to microseconds, in UTC: what `datetime.fromisoformat` then reads as RFC 3339 does.
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII).fullmatch
# Python's parser refuses a number of more than 4,300 digits, this one does not: so long is no usual message.
_LONGEST_READING = 2_000
_VINS = 65_536


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


def usual_reading(payload: bytes, vin: str, *, received_at: datetime, latest: datetime) -> Row | None:
    """The row of a lone reading of this vehicle, or None: ask the strict way.

    `latest` is the last moment that a `ts` may name.
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


def usual_readings(
    payload: bytes, vin: str | None, *, received_at: datetime, latest: datetime
) -> list[Row] | None:
    """The rows of an array, of this vehicle or, without one, of any; or None: ask the strict way."""
    try:
        found = list(map(_values, _MANY.decode(payload)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not 0 < len(found) <= MAX_READINGS or len(payload) > _LONGEST_READING * len(found):
        return None
    if payload.count(b'"') != sum(map(_quotes, found)):
        return None
    rows = []
    for values in found:
        row = _row(values, vin, received_at, latest)
        if row is None:
            return None
        rows.append(row)
    return rows


def _quotes(values: Sequence[Any]) -> int:
    """How many quotation marks such an object has if it names no key twice.

    Two for each key, two for each of the two strings. A key named twice, also one that is spelled with
    escapes, and an escaped mark in a string: each makes them more, and nothing makes them fewer.
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
    # Spelled out, and made without Row's own __new__: this is what each reading passes through.
    row: tuple[Any, ...] = (named, ts, received_at, soc, soh, volts, amps, max_temp, min_temp, odo_km)
    if row[-1] is UNSET or UNSET in values:
        row = tuple(None if value is UNSET else value for value in row)
    if soc.__class__ is not float and row.count(None) == len(SIGNALS):
        return None
    return _new(Row, row)


@lru_cache(_VINS)
def _normal(vin: str) -> str:
    # What raises is not remembered: it may be of any length.
    return normalise_vin(vin)
