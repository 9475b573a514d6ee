"""A stretch of time that a summary is asked for, both ends included."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Window:
    """In UTC."""

    from_ts: datetime
    to_ts: datetime

    @property
    def query(self) -> str:
        """As a URL has it."""
        times = {"from_ts": self.from_ts, "to_ts": self.to_ts}
        return urlencode({name: f"{ts:%Y-%m-%dT%H:%M:%SZ}" for name, ts in times.items()})

    def within_hours(self) -> "Window":
        """Both ends moved inwards, to where no full hour begins: half an hour and some seconds."""
        aside = timedelta(minutes=29, seconds=57)
        return Window(self.from_ts + aside, self.to_ts - aside)
