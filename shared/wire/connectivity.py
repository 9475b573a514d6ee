"""The connectivity of a vehicle, computed on each request from its newest reading and its last status.

No state is stored when a vehicle falls silent, so no stored state can be out of date.
`api/queries/connectivity.py` has the same rules in SQL, for filters; a test compares the two.
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
    """The connectivity of a vehicle."""

    ONLINE = "online"
    STALE = "stale"
    """Silent for longer than usual."""
    OFFLINE = "offline"


class Connectivity(NamedTuple):
    """A state and its beginning; None where that is not known."""

    state: State
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ages of the last sign of life from which on a vehicle is stale, or offline."""

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
    """Return the state of a vehicle at `now`; all times but `ts` are by the server's clock.

    `received_at` is that of the newest reading; `status` is the last status, first received at
    `status_received_at`. Each is None where there is none, but not both.

    `offline` holds until a later reading is received; from then on, as for a vehicle without a status, the
    age of the newest reading decides. `since` is the beginning of the state. For online it is known only
    where the vehicle has announced `online`; gaps since then are ignored.

    `ts` is the newest reading's own time: a vehicle that announces `offline` when it had taken no reading for
    `offline_after` has been offline since the end of that time, also where its readings were delivered late.
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
