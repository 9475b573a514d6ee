"""The window of a summary, both ends included."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Window:
    """A window in UTC."""

    from_ts: datetime
    to_ts: datetime

    @property
    def query(self) -> str:
        """The window as a URL's query."""
        times = {"from_ts": self.from_ts, "to_ts": self.to_ts}
        return urlencode({name: f"{ts:%Y-%m-%dT%H:%M:%SZ}" for name, ts in times.items()})

    def within_hours(self) -> "Window":
        """Return the window with both ends moved inwards by 29:57, away from full hours."""
        aside = timedelta(minutes=29, seconds=57)
        return Window(self.from_ts + aside, self.to_ts - aside)
