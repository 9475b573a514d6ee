"""The window of `anomalies` without parameters, which the alert worker judges, too."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.diagnostics.episode import Episode

MAX_READINGS = 1_100_000
"""Most readings of one window: a year of a reading every 30 seconds, and some more."""
PERIOD = timedelta(days=30)
"""Length of the window before the newest reading."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Readings to add around a window, counted from the last one before it and the first one after it."""

    before: timedelta
    after: timedelta


MARGIN = Margin(timedelta(days=10), timedelta(days=1))
"""Of the window of episodes: SOH_LOW asks for a median of 7 days on 3 days."""
MARGIN_SHARES = (1.0, 0.1, 0.01)
"""Shares of the margin to try, until the readings are few enough."""

# A state that holds when the trace begins is detected within this time: charging without an odometer, 600 s.
_SETTLED = timedelta(minutes=10)


def touches(episode: Episode, from_ts: datetime, to_ts: datetime) -> bool:
    """Return whether an episode has a moment in common with a window, whose ends are included."""
    return episode.started_at <= to_ts and (episode.ended_at is None or episode.ended_at >= from_ts)


def start_is_known(episode: Episode, trace_starts_mid_history: datetime | None) -> bool:
    """Return whether an episode began within the trace; its time of begin is None without older readings."""
    return trace_starts_mid_history is None or episode.started_at - trace_starts_mid_history > _SETTLED
