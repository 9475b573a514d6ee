"""Progress of one vehicle: what has to be judged next, and what is judged now."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from alert_worker.fleet_scan import Seen
from alert_worker.late_data import Watched
from alert_worker.suspicion import TIMELY, Suspects
from alert_worker.vehicle_state import AT_ONCE, LONG_OPEN, SOON, VehicleState
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import moment
from shared.episodes.model import LATCHED
from shared.storage.read_traces import FleetReadings

_SOH_EVERY = timedelta(hours=6)
_INTERVALS = 12


def watched_of(state: VehicleState) -> Watched:
    """Return what is watched of a vehicle that was checked for late readings."""
    assert state.watched is not None  # noqa: S101 - `_check` has checked each vehicle without
    return state.watched


def begin_of_changes(
    state: VehicleState, seen: Seen, late_from: datetime | None, *, is_suspect: bool
) -> datetime | None:
    """Return the time from which on a vehicle has to be judged; None where nothing can have changed."""
    timely = [each for each in state.open if each.code in TIMELY and each.code not in LATCHED]
    if not (is_suspect or timely or late_from is not None):
        return None
    begin = min(state.until or seen.newest, seen.newest)
    recent = begin - LONG_OPEN
    if late_from is not None:
        begin = min(begin, max(late_from, recent))
    return min([begin, *(each.started_at for each in timely if each.started_at >= recent)])


def advance(state: VehicleState, seen: Seen, readings: FleetReadings, place: int) -> None:
    """Note that a vehicle is judged up to its newest reading, and settle the readings before its tail."""
    state.version = seen.version
    first, stop = np.searchsorted(readings.place, (place, place + 1))
    if first == stop:
        return
    ts = readings.columns[0][first:stop]
    until = moment(ts[-1])
    state.until = until if state.until is None else max(until, state.until)
    if stop - first > 1:
        state.interval = timedelta(seconds=float(np.median(np.diff(ts[-_INTERVALS:]))))
    watched = watched_of(state)
    boundary = state.tail_from(until)
    if boundary > watched.boundary:
        settled = int(np.searchsorted(ts, boundary.timestamp()))
        values = [column[first : first + settled] for column in readings.columns[2:]]
        number = settled + sum(int(np.count_nonzero(~np.isnan(column))) for column in values)
        watched.settle(boundary, number)


def want_whole(
    state: VehicleState,
    found: Suspects,
    place: int,
    late_from: datetime | None,
    now: datetime,
) -> None:
    """Ask for a judgement of the vehicle's whole past where its newest readings give a reason."""
    if found.odometer[place]:
        state.want_whole(now, AT_ONCE)
    if found.soh[place] and all(each.code != Code.SOH_LOW for each in state.open):
        state.want_whole(now, _SOH_EVERY)
    if late_from is not None and (state.until is None or late_from < state.until - LONG_OPEN):
        state.want_whole(now, AT_ONCE)
    elif late_from is not None:
        state.want_whole(now, SOON)


def oldest_arrival(readings: FleetReadings, until: Sequence[datetime | None]) -> float | None:
    """Return the earliest arrival of readings behind those judged; None where there is none.

    `until`: newest judged reading of each vehicle; None for one that is judged first.
    """
    ends = np.array([np.inf if each is None else each.timestamp() for each in until])
    new = readings.columns[0] > ends[readings.place] if len(readings.place) else np.zeros(0, np.bool_)
    return float(readings.columns[1][new].min()) if new.any() else None
