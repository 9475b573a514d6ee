"""A window of time, cut where rollups can answer for it: whole hours between two ends."""

from datetime import datetime
from typing import NamedTuple, Self

from shared.hourly import HOUR, start_of_hour


class WholeHours(NamedTuple):
    """The hours from `first` up to, but not including, the one that begins at `last`.

    What is left of the window: from its begin up to `first`, and from `last` to its end. Where no hour lies
    in it whole, both are its begin.
    """

    first: datetime
    last: datetime

    @classmethod
    def between(cls, from_ts: datetime, to_ts: datetime) -> Self:
        """Of a window with both ends included, in UTC."""
        last = start_of_hour(to_ts)
        first = start_of_hour(from_ts)
        if first == last:
            return cls(from_ts, from_ts)
        if first < from_ts:
            first += HOUR
        return cls(first, last) if first < last else cls(from_ts, from_ts)
