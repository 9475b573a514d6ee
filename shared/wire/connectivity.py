"""Who is online: from a vehicle's last sign of life and its own word, at the moment somebody asks.

Nothing is written when a vehicle falls silent, so nothing can be late or be overtaken by what it sends.
`api/queries/connectivity.py` says the same in SQL, for filters; a test holds the two equal.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """A status published by a vehicle, or by the broker as its last will."""

    ONLINE = "online"
    OFFLINE = "offline"


class State(StrEnum):
    """Whether a vehicle can be counted on to report."""

    ONLINE = "online"
    STALE = "stale"
    """Nothing has come for longer than usual."""
    OFFLINE = "offline"


class Connectivity(NamedTuple):
    """A state, and since when it holds as far as that is known."""

    state: State
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From which age of the last sign of life on a vehicle is stale, or offline."""

    stale_after: timedelta
    offline_after: timedelta


def connectivity(
    received_at: datetime | None,
    status: str | None,
    status_received_at: datetime | None,
    *,
    now: datetime,
    limits: Limits,
    ts: datetime | None = None,
) -> Connectivity:
    """The state of a vehicle; the times are our clock's.

    `received_at` is that of its newest reading, `status` its last word, first told at `status_received_at`;
    None where there is none, but not both. `offline` counts until a reading comes after it; from then on, as
    for who never told a status, the age of the newest reading decides. `since` is when that became true.
    Online is known to begin only where the vehicle said so; gaps since then are not looked for.
    `ts` is when the newest reading was taken: a vehicle that says `offline` when it had taken none for
    `offline_after` has been offline from then on, also where its readings were delivered late.
    """
    signs = [] if received_at is None else [received_at]
    begun = None
    if status_received_at is not None and status == Status.ONLINE:
        signs.append(status_received_at)
        begun = status_received_at
    elif status_received_at is not None and (received_at is None or status_received_at >= received_at):
        times = [time for time in (received_at, ts) if time is not None]
        silent = [min(times) + limits.offline_after] if times else []
        return Connectivity(State.OFFLINE, min([status_received_at, *silent]))
    newest = max(signs)
    age = now - newest
    if age < limits.stale_after:
        return Connectivity(State.ONLINE, begun)
    if age < limits.offline_after:
        return Connectivity(State.STALE, newest + limits.stale_after)
    return Connectivity(State.OFFLINE, newest + limits.offline_after)
