"""The worker's memory of one vehicle: how far it is judged, its open episodes, and what is due."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alert_worker.late_data import Watched
from shared.episodes.model import StoredEpisode
from shared.vehicle_profile import Profile

TAIL = timedelta(minutes=2)
"""Readings before the last judged one that each look reads again: filled rows, and those out of order."""
_TAIL_INTERVALS = 10
_LOOKBACK = timedelta(hours=1)
_LOOKBACK_INTERVALS = 200
_LONGEST_LOOKBACK = timedelta(days=2)
LONG_OPEN = timedelta(hours=12)
"""Age from which on the last hours are judged without the begin of an open episode."""

DAILY = timedelta(hours=24)
SOON = timedelta(minutes=10)
"""Least time between two judgements of the whole past, after a change or a doubt."""
AT_ONCE = timedelta(minutes=1)
"""The same after a step of the odometer, or after late readings."""


@dataclass(slots=True)
class VehicleState:
    """State of one vehicle; times of readings are the vehicle's clock."""

    vin: str
    version: int | None = None
    """`xmin` of the row of `vehicle_latest` that was judged: each transaction that stores changes it."""
    until: datetime | None = None
    """Newest reading that was judged."""
    oldest: datetime | None = None
    """Oldest reading."""
    interval: timedelta = timedelta(0)
    """Usual interval of its last readings."""
    profile: Profile = field(default_factory=Profile)
    open: tuple[StoredEpisode, ...] = ()
    whole_at: datetime | None = None
    """Time of the last judgement of the whole past, by our clock."""
    whole_due: datetime | None = None
    watched: Watched | None = None
    saved_at: datetime | None = None

    @property
    def is_first(self) -> bool:
        """True until its whole past has been judged once."""
        return self.whole_at is None

    def tail_from(self, newest: datetime) -> datetime:
        """Return the time from which on a look reads its readings; `newest` for a vehicle not judged yet."""
        return (self.until or newest) - max(TAIL, _TAIL_INTERVALS * self.interval)

    @property
    def lookback(self) -> timedelta:
        """Readings before an episode that the rules need to judge it."""
        return min(max(_LOOKBACK, _LOOKBACK_INTERVALS * self.interval), _LONGEST_LOOKBACK)

    def want_whole(self, now: datetime, after: timedelta) -> None:
        """Ask for a judgement of the whole past, at the earliest `after` the last one."""
        due = now if self.whole_at is None else max(now, self.whole_at + after)
        if self.whole_due is None or due < self.whole_due:
            self.whole_due = due
