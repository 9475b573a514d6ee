"""A window of time, split for the use of rollups: two ends, whole hours, whole days."""

from datetime import datetime, timedelta
from typing import NamedTuple, Self

from shared.storage.hourly_rollup import HOUR, start_of_hour

_DAY = timedelta(days=1)


class WholeHours(NamedTuple):
    """The hours from `first` up to, but not including, the one that begins at `last`.

    The ends of the window lie from its begin up to `first`, and from `last` to its end. Where no whole hour
    lies in the window, both are its begin.
    """

    first: datetime
    last: datetime

    @classmethod
    def between(cls, from_ts: datetime, to_ts: datetime) -> Self:
        """Find the whole hours of a window with both ends included, in UTC."""
        last = start_of_hour(to_ts)
        first = start_of_hour(from_ts)
        if first == last:
            return cls(from_ts, from_ts)
        if first < from_ts:
            first += HOUR
        return cls(first, last) if first < last else cls(from_ts, from_ts)

    @property
    def days(self) -> tuple[datetime, datetime]:
        """The same for the whole days (UTC) among these hours: the first one's begin, and the last one's end.

        Where no whole day lies among them, both are `first`.
        """
        first, last = self.first.replace(hour=0), self.last.replace(hour=0)
        if first == last:
            return self.first, self.first
        if first < self.first:
            first += _DAY
        return (first, last) if first < last else (self.first, self.first)
