"""The timetable of a run: simulated time of each reading, and real time of its publication."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAD_ALLOWED_S = 60.0


class FutureReadingsError(Exception):
    """The readings would have times in the future when they are published."""


@dataclass(frozen=True)
class Timetable:
    """Readings of one run: `vehicles` cars, each `rate` times a second for `duration` seconds.

    `speedup` is the simulated time per real time. With 0, readings are published as fast as possible, and
    `rate` and `duration` are in simulated seconds.
    """

    start: datetime
    vehicles: int
    rate: float
    duration: float
    speedup: float

    @property
    def count(self) -> int:
        """The number of readings of each vehicle."""
        return max(1, round(self.rate * self.duration))

    @property
    def step_s(self) -> float:
        """Simulated seconds between two readings of a vehicle."""
        return (self.speedup or 1.0) / self.rate

    @property
    def start_s(self) -> float:
        """The first reading's time, in seconds since 1970."""
        return (self.start - _EPOCH).total_seconds()

    def ts(self, number: int) -> str:
        """Return the time of a vehicle's reading (0 is the first), RFC 3339 in UTC."""
        return rfc3339(self.start + timedelta(microseconds=round(number * self.step_s * 1e6)))

    def due_s(self, number: int, vehicle: int) -> float:
        """Return the real seconds from the start to a reading's publication; the vehicles take turns."""
        return (number + vehicle / self.vehicles) / self.rate if self.speedup else 0.0

    def check_not_ahead(self, now: datetime) -> None:
        """Raise FutureReadingsError if a reading lies over 60 s ahead of the clock when it is published."""
        first = (self.start - now).total_seconds()
        last = first + (self.count - 1) * self.step_s - self.due_s(self.count - 1, 0)
        if max(first, last) > _LEAD_ALLOWED_S:
            raise FutureReadingsError(
                f"starting at {rfc3339(self.start)}, readings would be {max(first, last):.0f} s ahead of the"
                f" clock when they are published (at most {_LEAD_ALLOWED_S:.0f} s): choose an earlier"
                " --start, or a smaller --speedup or --duration"
            )


def latest_start(now: datetime, duration: float, speedup: float) -> datetime:
    """Return the latest start at which no reading is ahead of the clock `now`."""
    span = duration * (speedup or 1.0) if speedup > 1 or not speedup else 0.0
    start = now - timedelta(seconds=span)
    return start.replace(microsecond=start.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """Format a time in UTC with a Z, to the millisecond, or to the microsecond where one is needed."""
    timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"
