"""Rules about the odometer. 0 after more than 0 is no value: the last valid one is used on."""

import numpy as np

from shared.diagnostics.activity import last_true
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Indices, spells
from shared.diagnostics.jumps import together
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace


def odo_zero(trace: Trace, _profile: Profile) -> list[Episode]:
    rule = RULES[Code.ODO_ZERO]
    known = np.flatnonzero(~np.isnan(trace.odo_km))
    ts, odo = trace.ts[known], trace.odo_km[known]
    driven = last_true(odo > 0)
    is_zero = (odo == 0) & (driven >= 0)
    found = []
    for spell in spells(ts, is_zero, odo > 0):
        valid = int(driven[spell.first])
        found.append(
            compose(
                rule,
                ts,
                (spell.first, spell.last),
                ended_at=None if spell.ended_by is None else float(ts[spell.ended_by]),
                peak_at=spell.first,
                peak=0.0,
                detail=f"Odometer: 0 km at {clock(ts[spell.first])} after {odo[valid]:.7g} km at"
                f" {clock(ts[valid])}, which is used on.",
            )
        )
    return found


def odo_rollback(trace: Trace, _profile: Profile) -> list[Episode]:
    """Over when the odometer is back at its last valid value."""
    rule = RULES[Code.ODO_ROLLBACK]
    level = rule.levels[0]
    ts, odo, valid = _known(trace)
    back = np.round(odo - np.where(valid >= 0, odo[valid], odo), 6)
    found = []
    is_clear = back >= (level.clear or 0.0)
    for spell in spells(ts, back < level.set, is_clear, readings=rule.readings, seconds=rule.seconds):
        low = spell.first + int(np.argmin(back[spell.first : spell.last + 1]))
        found.append(
            compose(
                rule,
                ts,
                (spell.first, spell.last),
                ended_at=None if spell.ended_by is None else float(ts[spell.ended_by]),
                peak_at=low,
                peak=back[low],
                detail=f"Odometer: {odo[low]:.7g} km at {clock(ts[low])}, its last valid value was"
                f" {odo[valid[low]]:.7g} km at {clock(ts[valid[low]])}; allowed are {-level.set:g} km less.",
            )
        )
    return found


def odo_jump(trace: Trace, _profile: Profile) -> list[Episode]:
    """From the last valid value: over 4 km within 30 s, or at over 250 km/h in a longer time."""
    rule = RULES[Code.ODO_JUMP]
    ts, odo, valid = _known(trace)
    step = np.round(odo - np.where(valid >= 0, odo[valid], odo), 6)
    seconds = ts - np.where(valid >= 0, ts[valid], ts)
    fastest = rule.numbers["km_per_h"] * seconds / 3600
    allowed = np.where(seconds <= rule.numbers["short_interval_s"], rule.levels[0].set, fastest)
    found = []
    for group in together(ts, np.flatnonzero(step > allowed)):
        top = int(group[np.argmax(step[group])])
        before = int(valid[top])
        found.append(
            compose(
                rule,
                ts,
                (int(group[0]), int(group[-1])),
                ended_at=float(ts[group[-1]]),
                peak_at=top,
                peak=step[top],
                threshold=allowed[top],
                window_s=seconds[top],
                detail=f"Odometer: from {odo[before]:.7g} km at {clock(ts[before])} to {odo[top]:.7g} km at"
                f" {clock(ts[top])}; allowed are {allowed[top]:.3g} km.",
            )
        )
    return found


def _known(trace: Trace) -> tuple[Floats, Floats, Indices]:
    """Times and values without NaN and 0, and for each the place of the last valid one before it, or -1.

    Valid: not below an earlier valid one, and no spike of one reading that is gone at the next.
    """
    known = np.flatnonzero(trace.odo_km > 0)
    ts, odo = trace.ts[known], trace.odo_km[known]
    if len(odo) < 2:
        return ts, odo, np.full(len(odo), -1)
    spike = np.zeros(len(odo), np.bool_)
    spike[1:-1] = (odo[1:-1] - odo[:-2] > 1) & (odo[1:-1] - odo[2:] > 1) & (odo[2:] >= odo[:-2] - 1)
    spike[0] = odo[0] - odo[1] > 1 and len(odo) > 2 and bool(odo[1] <= odo[2] <= odo[0] - 1)
    highest = np.maximum.accumulate(np.where(spike, -np.inf, odo))
    valid = last_true(~spike & (odo >= highest))
    return ts, odo, np.concatenate(([-1], valid[:-1]))
