"""DATA_GAP: no readings while the car drove or charged."""

import numpy as np

from shared.diagnostics.activity import charging, known_odometer, last_true
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import runs
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace


def data_gap(trace: Trace, profile: Profile) -> list[Episode]:
    """Gaps over which the car drove (0.2 km further after it) or charged (3 % more after it, or charging
    at both ends with no less in the battery). A car that was parked and silent has no gap.

    Gaps next to each other are one episode; `peak` is the longest.
    """
    rule = RULES[Code.DATA_GAP]
    if len(trace) < 2:
        return []
    dt = np.diff(trace.ts)
    drove = np.diff(known_odometer(trace.odo_km)) >= rule.numbers["driven_km"] - 1e-6
    # The last known one: the last reading before a gap may lack it.
    last = last_true(~np.isnan(trace.soc))
    more = np.diff(np.where(last >= 0, trace.soc[last], np.nan))
    charges = charging(trace, profile)
    charged = (more >= rule.numbers["charged_percent"]) | (charges[1:] & charges[:-1] & ~(more < 0))
    begins, stops = runs((dt > rule.levels[0].set) & (drove | charged))
    found = []
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        top = begin + int(np.argmax(dt[begin:stop]))
        doing = "driving" if drove[top] else "charging"
        found.append(
            compose(
                rule,
                trace.ts,
                (begin, stop),
                ended_at=float(trace.ts[stop]),
                peak_at=top + 1,
                peak=dt[top],
                detail=f"No reading for {dt[top]:.6g} s from {clock(trace.ts[top])} to"
                f" {clock(trace.ts[top + 1])} while {doing}; at most {rule.levels[0].set:g} s are expected.",
            )
        )
    return found
