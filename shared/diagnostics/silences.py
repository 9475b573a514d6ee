"""The rule DATA_GAP: no readings while the car drove or charged."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.activity import charging
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.gaps import filled
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.masks import Indices, Mask, runs
from shared.diagnostics.rhythm import BESIDE, longest_silences, near
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile
from shared.wording import counted, duration, percent


def data_gap(trace: Trace, profile: Profile) -> list[Episode]:
    """Find gaps over which the car drove (0.2 km further) or charged.

    The car has charged where soc is 3 % higher after the gap, or where the car charges at both ends and soc
    has not fallen. A silent parked car has no gap. Where a reading next to a gap lacks the odometer or soc,
    the nearest one on the same side counts. Adjacent gaps are one episode; `peak` is the longest.

    A gap that cuts a drive or charge, which goes on before or after the gap, is an episode of its own. Drives
    and charges that lie within gaps as a whole are a logger's habit where there are more than 10 of them:
    they are one episode, with the share of the time that is logged.
    """
    rule = RULES[Code.DATA_GAP]
    if len(trace) < 2:
        return []
    silent = ~near(trace.ts, rule.levels[0].set)
    # Rounded: in binary, differences of 0.2 km and 3 % may be slightly more or less.
    dt = np.round(np.diff(trace.ts), 6)
    far = np.flatnonzero(silent)
    silent[far] = dt[far] > _expected(trace.ts, far)
    odo, soc = (
        np.round(np.diff(filled(trace.ts, values, silent)), 6) for values in (trace.odo_km, trace.soc)
    )
    drove = odo >= rule.numbers["driven_km"]
    charges = charging(trace, profile)
    charged = (soc >= rule.numbers["charged_percent"]) | (charges[1:] & charges[:-1] & ~(soc < 0))
    active = np.zeros(len(trace), np.bool_)
    active[1:] |= (odo > 0) & ~silent
    active[:-1] |= (odo > 0) & ~silent
    active |= charges
    begins, stops = runs(silent & (drove | charged))
    cut = active[begins] | active[stops]
    if np.count_nonzero(~cut) <= rule.numbers["most_unseen"]:
        cut[:] = True
    activity = np.where(drove, "drove", "was charged")
    found = [
        _of_gap(trace.ts, dt, begin, stop, activity)
        for begin, stop in zip(begins[cut].tolist(), stops[cut].tolist(), strict=True)
    ]
    if not cut.all():
        found.append(_of_log(trace.ts, silent, begins[~cut], stops[~cut]))
    return sorted(found, key=lambda each: each.started_at)


def _expected(ts: Floats, pairs: Indices) -> Floats:
    """Return the longest silence (s) in the rhythm of each of `pairs`, of those before, or of those after.

    A source that is slow while parked shows the beginning of a drive one slow interval later.
    """
    shifted = (np.clip(pairs + shift, 0, len(ts) - 2) for shift in (-BESIDE, 0, BESIDE))
    limits: Floats = np.max(
        [longest_silences(ts, each, RULES[Code.DATA_GAP].levels[0].set) for each in shifted], axis=0
    )
    return limits


def _of_gap(ts: Floats, dt: Floats, begin: int, stop: int, activity: NDArray[np.str_]) -> Episode:
    """Make the episode of the adjacent gaps from reading `begin` to reading `stop`."""
    rule = RULES[Code.DATA_GAP]
    top = begin + int(np.argmax(dt[begin:stop]))
    expected = float(_expected(ts, np.array([top]))[0])
    return compose(
        rule,
        ts,
        Interval(begin, stop, stop),
        peak_at=top + 1,
        peak=dt[top],
        threshold=expected,
        detail=f"No reading for {duration(dt[top])} from {clock(ts[top])} to {clock(ts[top + 1])}, and the"
        f" car {activity[top]} meanwhile; at most {duration(expected)} are expected.",
    )


def _of_log(ts: Floats, silent: Mask, begins: Indices, stops: Indices) -> Episode:
    """Make the one episode of all gaps that hold whole drives and charges."""
    rule = RULES[Code.DATA_GAP]
    first, last = int(begins[0]), int(stops[-1])
    lengths = ts[stops] - ts[begins]
    top = int(np.argmax(lengths))
    span = ts[last] - ts[first]
    logged = float(np.diff(ts)[first:last][~silent[first:last]].sum() / span)
    return compose(
        rule,
        ts,
        Interval(first, last, last),
        peak_at=int(stops[top]),
        peak=lengths[top],
        window_s=span,
        detail=f"Logged {percent(logged)} of the time from {clock(ts[first])} to {clock(ts[last])}: in"
        f" {counted(len(begins), 'silence')} the car drove or was charged, unseen from the beginning to the"
        f" end; the longest lasted {duration(lengths[top])}.",
    )
