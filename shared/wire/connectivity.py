"""Words of connectivity: the statuses that vehicles publish, and the states that follow.

`api/queries/connectivity.py` has the rule. No state is stored when a vehicle falls silent, so no stored state
can be out of date.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Status(StrEnum):
    """A status published by a vehicle, or by the broker as its last will."""

    ONLINE = "online"
    OFFLINE = "offline"


class State(StrEnum):
    """The connectivity of a vehicle."""

    ONLINE = "online"
    STALE = "stale"
    """Silent for longer than usual."""
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ages of the last sign of life from which on a vehicle is stale, or offline."""

    stale_after: timedelta
    offline_after: timedelta
