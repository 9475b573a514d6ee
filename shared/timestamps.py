"""Times on the wire: RFC 3339 in, UTC inside, a trailing Z out.

Normalised here once, for both doors: the key (vin, ts) must not depend on the path a reading took.
Python would cut nanoseconds off and Postgres would round them; here they are always cut.
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
    """A time that is not RFC 3339 with an offset, or that no calendar holds."""


def parse_timestamp(text: object) -> datetime:
    """The moment that an RFC 3339 time names, in UTC, cut to microseconds.

    Raises InvalidTimestampError, whose message is fit for the person who sent it.
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
    """RFC 3339 in UTC with a trailing Z; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
