"""The time of a reading as devices write it. Every format gives a time in UTC, to the microsecond."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter
from typing import Any

from shared.sources.raw_number import NO_VALUE, Invalid, NotANumberError, read_number
from shared.wire.timestamps import WIDEST_OFFSET, InvalidTimestampError, parse_timestamp

FORMATS = ("rfc3339", "iso", "unix_s", "unix_ms", "gbt32960")
ZONED = ("iso", "gbt32960")
"""Formats without an offset of their own, which take a `zone`."""

ReadTime = Callable[[Any], datetime]
"""Read a time that is neither null nor missing. Raises InvalidTimestampError."""

_USUAL = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|\+00:00)", re.ASCII
).fullmatch
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d+))?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_ZONE = re.compile(r"([+-])(\d{2}):([0-5]\d)", re.ASCII)
_OF_NUMBERS = ("unix_s", "unix_ms")
_NONE = Invalid()
CENTURY = 2000
_PARTS = ("Year", "Month", "Day", "Hour", "Minute", "Second")
_INTEGERS = (int,) * len(_PARTS)
_NO_PARTS = f"must be an object with the whole numbers {', '.join(_PARTS)}"
gbt32960_parts: Callable[[Any], tuple[Any, ...]] = itemgetter(*_PARTS)
"""Return year, month, day, hour, minute and second as sent. Raises KeyError and TypeError."""


def parse_zone(text: str) -> timezone:
    """Parse "+08:00" or "Z". Raises ValueError."""
    if text in {"Z", "UTC"}:
        return UTC
    match = _ZONE.fullmatch(text)
    if match is None:
        raise ValueError('must be an offset such as "+08:00", or "Z"')
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > WIDEST_OFFSET:
        raise ValueError("must not lie beyond 14 hours")
    return timezone(-offset if sign == "-" else offset)


def time_reader(formats: tuple[str, ...], zone: timezone | None) -> ReadTime:
    """Return the reader of a format, or of several: the first that can read a value does."""
    readers = [_reader(each, zone) for each in formats]
    if len(readers) == 1:
        return readers[0]
    # An error costs more than all else here, so a number is not offered to the formats of texts.
    for_numbers = [_reader(each, zone) for each in formats if each in _OF_NUMBERS]

    def read(value: Any) -> datetime:
        for reader in for_numbers if value.__class__ is int or value.__class__ is float else readers:
            try:
                return reader(value)
            except InvalidTimestampError:
                continue
        raise InvalidTimestampError(f"is of none of the formats {', '.join(formats)}")

    return read


def read_moment(value: Any, read: ReadTime) -> datetime | None:
    """Return the time, None where it is missing. Raises InvalidTimestampError."""
    if value is None:
        return None
    try:
        return read(value)
    except InvalidTimestampError:
        if isinstance(value, str) and value.strip().lower() in NO_VALUE:
            return None
        raise


def _reader(name: str, zone: timezone | None) -> ReadTime:
    if name == "rfc3339":
        return _rfc3339
    if name == "iso":
        return lambda value: _iso(value, zone or UTC)
    if name == "unix_s":
        return _unix
    if name == "unix_ms":
        return lambda value: _unix(value, 1_000)
    offset = gbt32960_offset(zone)
    return lambda value: _gbt32960(value, offset)


def gbt32960_offset(zone: timezone | None) -> timedelta:
    """Return the offset of the local times of `gbt32960`, in this zone or China's."""
    return timedelta(hours=8) if zone is None else zone.utcoffset(None)


def _rfc3339(value: Any) -> datetime:
    if value.__class__ is str and _USUAL(value) is not None and value[10] == "T":
        return _existing(value)
    return parse_timestamp(value)


def _existing(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidTimestampError("is not a time that exists in the calendar") from None


def _iso(value: Any, zone: timezone) -> datetime:
    if value.__class__ is str and _USUAL(value) is not None:
        return _existing(value)
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidTimestampError('must be an ISO 8601 time such as "2026-01-24 12:05:00+00:00"')
    day, clock, seconds, fraction, offset = match.groups()
    text = f"{day}T{clock}{seconds or ':00'}{'.' + fraction if fraction else ''}"
    if offset:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        return parse_timestamp(text + ("Z" if offset in "Zz" else f"{offset[0]}{digits[:2]}:{digits[2:]}"))
    return _in_utc(parse_timestamp(f"{text}Z").replace(tzinfo=zone))


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidTimestampError("is not a time that exists in the calendar") from None


def _unix(value: Any, per_second: int = 1) -> datetime:
    try:
        number = value if value.__class__ is float else read_number(value, _NONE)
    except NotANumberError:
        number = None
    if number is None:
        raise InvalidTimestampError("must be a number, the time since 1970")
    try:
        # Rounds to microseconds, which a float of such a time has exactly.
        return datetime.fromtimestamp(number / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidTimestampError("is not a time that exists in the calendar") from None


def _gbt32960(value: Any, offset: timedelta) -> datetime:
    try:
        year, month, day, hour, minute, second = gbt32960_parts(value)
    except (KeyError, TypeError):
        raise InvalidTimestampError(_NO_PARTS) from None
    # A boolean would pass as a month.
    kinds = year.__class__, month.__class__, day.__class__, hour.__class__, minute.__class__, second.__class__
    if kinds != _INTEGERS:
        raise InvalidTimestampError(_NO_PARTS)
    try:
        # Two digits on the wire; a gateway may send all four.
        year += 0 if year >= CENTURY else CENTURY
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        raise InvalidTimestampError("is not a time that exists in the calendar") from None
