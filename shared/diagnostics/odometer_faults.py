"""Rules about the odometer. A 0 after a higher value is ignored: the last valid value stays in use."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import intervals
from shared.diagnostics.jumps import together
from shared.diagnostics.masks import Indices, Mask, last_true
from shared.diagnostics.odometer import DrivingClock
from shared.diagnostics.odometer_cleaning import cleaned_odometer
from shared.diagnostics.odometer_steps import FASTEST_KM_S, ROLLBACK_KM, farthest_km
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile


def odo_zero(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    rule = RULES[Code.ODO_ZERO]
    known = np.flatnonzero(~np.isnan(trace.odo_km))
    ts, odo = trace.ts[known], trace.odo_km[known]
    driven = last_true(odo > 0)
    is_zero = (odo == 0) & (driven >= 0)
    return (
        compose(
            rule,
            ts,
            interval,
            peak_at=interval.first,
            peak=0.0,
            detail=f"Odometer: 0 km at {clock(ts[interval.first])} after {odo[valid]:.7g} km at"
            f" {clock(ts[valid])}, which is used on.",
        )
        for interval in intervals(ts, is_zero, odo > 0, until=trace.until)
        for valid in [driven[interval.first]]
    )


def odo_rollback(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find values below the last valid one; an episode ends when the odometer is back at that value."""
    rule = RULES[Code.ODO_ROLLBACK]
    level = rule.levels[0]
    ts, odo, valid, _ = _known(trace)
    back = np.round(odo - np.where(valid >= 0, odo[valid], odo), 6)
    is_clear = back >= (level.clear or 0.0)
    below = -back
    # An odometer does not move in a silence: a gap between two of its readings is a step as any other.
    steps = np.arange(float(len(ts)))
    since_last = max(0.0, trace.until - ts[-1]) if len(ts) else 0.0
    return (
        compose(
            rule,
            ts,
            interval,
            peak_at=(low := interval.top(below)),
            peak=back[low],
            detail=f"Odometer: {odo[low]:.7g} km at {clock(ts[low])}, its last valid value was"
            f" {odo[valid[low]]:.7g} km at {clock(ts[valid[low]])}; allowed are {-level.set:g} km less.",
        )
        for interval in intervals(
            steps,
            back < level.set,
            is_clear,
            until=len(ts) - 1 + since_last,
            readings=rule.readings,
            seconds=rule.seconds,
        )
    )


def odo_jump(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find steps from the last valid value of over 4 km that are over 250 km/h, or are taken back.

    The time of a step is that since the last valid reading, or longer, as far as the current shows that the
    car drove while the odometer stood still: some odometers tell at the end of a trip.
    """
    rule = RULES[Code.ODO_JUMP]
    ts, odo, valid, taken_back = _known(trace)
    step = np.round(odo - np.where(valid >= 0, odo[valid], odo), 6)
    seconds = ts - np.where(valid >= 0, ts[valid], ts)
    allowed = farthest_km(seconds)
    if (step > allowed).any():
        allowed = np.maximum(allowed, FASTEST_KM_S * _driven_s(trace, valid))
    allowed[taken_back] = rule.levels[0].set
    jumps = np.where(step > allowed, step, 0.0)
    # Readings with the same last valid value belong to one jump, at any period.
    apart = np.where(np.diff(valid, prepend=-1) == 0, 0.0, np.diff(ts, prepend=ts[:1]))
    return (
        compose(
            rule,
            ts,
            interval,
            peak_at=(top := interval.top(jumps)),
            peak=step[top],
            threshold=allowed[top],
            window_s=seconds[top],
            detail=f"Odometer: from {odo[valid[top]]:.7g} km at {clock(ts[valid[top]])} to {odo[top]:.7g} km"
            f" at {clock(ts[top])}; allowed are {allowed[top]:.3g} km.",
        )
        for interval in together(np.cumsum(apart), np.flatnonzero(jumps))
    )


def _driven_s(trace: Trace, valid: Indices) -> Floats:
    """Return, at each known value, the seconds of driving since the odometer reached its last valid value.

    Only a known current shows driving: without one a step has to be possible in the time between readings.
    """
    known = np.flatnonzero(trace.odo_km > 0)
    clock = DrivingClock.of(trace)
    driven_s = (clock.free_s - clock.unknown_s)[known]
    begins = np.flatnonzero(np.diff(trace.odo_km[known], prepend=-1))
    since = begins[np.searchsorted(begins, valid, "right") - 1]
    return np.where(valid >= 0, driven_s - driven_s[since], 0.0)


def _known(trace: Trace) -> tuple[Floats, Floats, Indices, Mask]:
    """Return times and values without NaN and 0, and for each the index of the last valid one before, or -1.

    The last item: values above the last valid one that the odometer took back without having moved.

    A value is valid if it is not below an earlier valid one, no spike of a single reading, and no part of a
    jump that was reverted.

    A first reading that lies over 1 km above the next two counts as a spike. It could also be the beginning
    of a rollback, but a false rollback would never end. So a rollback that the odometer does not take back
    needs two readings before and two after; only a trace that begins with the last reading before a rollback
    does not show the rollback.
    """
    known = np.flatnonzero(trace.odo_km > 0)
    ts, odo = trace.ts[known], trace.odo_km[known]
    if len(odo) < 2:
        return ts, odo, np.full(len(odo), -1), np.zeros(len(odo), np.bool_)
    wrong, cleaned = _reverted(ts, odo), cleaned_odometer(ts, odo)
    kept = last_true(~np.isnan(cleaned))
    taken_back = (kept >= 0) & np.isnan(cleaned) & (odo > cleaned[kept] + ROLLBACK_KM)
    wrong |= taken_back
    wrong[1:-1] |= (odo[1:-1] - odo[:-2] > 1) & (odo[1:-1] - odo[2:] > 1) & (odo[2:] >= odo[:-2] - 1)
    wrong[0] = len(odo) > 2 and odo[0] - odo[1] > 1 and odo[0] - odo[2] > 1 and odo[2] >= odo[1] - 1
    if wrong[0]:
        wrong[0] = not np.isnan(cleaned[1])
    highest = np.maximum.accumulate(np.where(wrong, -np.inf, odo))
    valid = last_true(~wrong & (odo >= highest))
    return ts, odo, np.concatenate(([-1], valid[:-1])), taken_back


def _reverted(ts: Floats, odo: Floats) -> Mask:
    """Return the readings of jumps that were reverted; their values are invalid, however long they last.

    A jump persists once the car has driven 1 km further, or where the odometer never returns. A jump is
    reverted when the odometer shows a value that the car can have reached from the value before the jump.
    The first reading of a trace is no jump.
    """
    wrong = np.zeros(len(odo), np.bool_)
    changes = np.flatnonzero(np.diff(odo)) + 1
    jumps = odo[changes] - odo[changes - 1] > farthest_km(ts[changes] - ts[changes - 1])
    if not jumps.any():
        return wrong
    confirming = RULES[Code.ODO_JUMP].numbers["confirming_km"]
    # The first reading of the pending jump, and the odometer after its last step up.
    begin, top = -1, 0.0
    for place, jumped, km in zip(changes.tolist(), jumps.tolist(), odo[changes].tolist(), strict=True):
        if begin < 0:
            begin, top = (place, km) if jumped else (-1, 0.0)
        elif km < top - 1 and _reachable(ts, odo, begin - 1, place):
            wrong[begin:place] = True
            begin = -1
        elif jumped:
            top = km
        elif km >= top + confirming:
            begin = -1
    return wrong


def _reachable(ts: Floats, odo: Floats, before: int, after: int) -> bool:
    """Return whether the odometer can have moved from the one reading to the other."""
    km = float(odo[after] - odo[before])
    return -1 <= km <= 0 or bool(0 < km <= farthest_km(ts[after] - ts[before]))
