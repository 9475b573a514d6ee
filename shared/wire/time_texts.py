"""Times of one usual form, many at once: as `datetime`, or as microseconds since 2000-01-01 UTC ("ticks")."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
_SECOND = 1_000_000
_FRACTION_AT = len("2000-01-01T00:00:00.")
# Each digit as a 0: the form of a time.
_AS_FORM = bytes.maketrans(b"123456789", b"0" * 9)
_USUAL_FORMS = {b"0000-00-00T00:00:00" + b"." * (digits > 0) + b"0" * digits + b"Z" for digits in range(7)}


def parse_times_fast(times: Sequence[str]) -> list[datetime] | None:
    """Parse times of one of the usual forms, all of the same one; None where they are not."""
    lines = _lines_of_one_form(times)
    try:
        # From Python 3.13 on, fromisoformat reads hour 24 as the next day's midnight.
        return None if lines is None or b"T24" in lines else [*map(datetime.fromisoformat, times)]
    except ValueError:
        return None


def parse_ticks_fast(times: Sequence[str]) -> Ticks | None:
    """Parse at least one time as `parse_times_fast` does, to ticks, which are negative before 2000."""
    if _lines_of_one_form(times) is None:
        return None
    parts = _Parts(times)
    days_of_month = (parts.months + 1).astype("datetime64[D]") - parts.months.astype("datetime64[D]")
    is_valid = (
        (parts.year > 0)
        & (parts.month >= 1)
        & (parts.month <= 12)
        & (parts.day >= 1)
        & (parts.day <= days_of_month.astype(np.int64))
        & (parts.hour < 24)
        & (parts.minute < 60)
        & (parts.second < 60)
    )
    return parts.ticks() if is_valid.all() else None


def ticks_of_texts(texts: Sequence[str]) -> Ticks:
    """Return the ticks of valid times in UTC as `2026-11-30T08:15:00.5Z`, all with as many digits."""
    return _Parts(texts).ticks()


def _lines_of_one_form(times: Sequence[str]) -> bytes | None:
    # A line each: a text that holds a line break is of no usual form.
    try:
        lines = "\n".join(times).encode()
        form = times[0].encode().translate(_AS_FORM)
    except UnicodeEncodeError:
        return None
    is_usual = form in _USUAL_FORMS and lines.translate(_AS_FORM) == b"\n".join([form] * len(times))
    return lines if is_usual else None


class _Parts:
    """The parts of n times of one form, each in the shape (n,)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._width = width = len(texts[0])
        # Shape (width, n): the value of each digit; other characters are not looked at.
        self._digits = np.ascontiguousarray(
            np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), width).T
        ) - np.uint8(ord("0"))
        self.year, self.month, self.day = self._number(0, 4), self._number(5, 7), self._number(8, 10)
        self.hour, self.minute, self.second = (self._number(at, at + 2) for at in (11, 14, 17))
        self.months = ((self.year - 1970) * 12 + self.month - 1).astype("datetime64[M]")

    def ticks(self) -> Ticks:
        first_days = (self.months.astype("datetime64[D]") - np.datetime64("2000-01-01")).astype(np.int64)
        days = first_days + self.day - 1
        seconds = ((days * 24 + self.hour) * 60 + self.minute) * 60 + self.second
        places = self._width - 1 - _FRACTION_AT
        found: Ticks = seconds * _SECOND
        if places <= 0:
            return found
        found += self._number(_FRACTION_AT, self._width - 1) * 10 ** (6 - places)
        return found

    def _number(self, begin: int, end: int) -> Ticks:
        result: Ticks = self._digits[begin].astype(np.int64)
        for digits in self._digits[begin + 1 : end]:
            result = result * 10 + digits
        return result
