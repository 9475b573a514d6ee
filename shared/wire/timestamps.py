"""Parsing and formatting of times: RFC 3339 with any offset in, UTC with a trailing Z out.

MQTT and HTTP both use this module: the key (vin, ts) must not depend on the path of a reading.
Python would truncate nanoseconds and PostgreSQL would round them; here they are always truncated.
"""

import re
from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:[0-5]\d)",
    re.ASCII,
)
WIDEST_OFFSET = timedelta(hours=14)


class InvalidTimestampError(ValueError):
    """The text is not an RFC 3339 time with an offset, or names a time that does not exist."""


def parse_timestamp(text: object) -> datetime:
    """Parse an RFC 3339 time with an offset into UTC, truncated to microseconds.

    Raises InvalidTimestampError, whose message can be shown to the sender.
    """
    if not isinstance(text, str):
        raise InvalidTimestampError("must be a string such as 2026-01-24T12:05:00Z")
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidTimestampError("must be an RFC 3339 time with an offset, such as 2026-01-24T12:05:00Z")
    day, clock, fraction, offset = match.groups()
    microseconds = (fraction or "")[:6].ljust(6, "0")
    # Python 3.13 reads hour 24 as the next day's midnight; RFC 3339 has no hour 24.
    if clock.startswith("24"):
        raise InvalidTimestampError("is not a time that exists: hours end at 23")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{microseconds}{offset.upper()}")
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidTimestampError("is not a time that exists in the calendar") from None
    if abs(moment.utcoffset() or timedelta()) > WIDEST_OFFSET:
        raise InvalidTimestampError("has an offset beyond 14 hours")
    return in_utc


def format_timestamp(moment: datetime) -> str:
    """Format a time by RFC 3339 in UTC with a trailing Z; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
