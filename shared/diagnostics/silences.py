"""The rule DATA_GAP: no readings while the car drove or charged."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.activity import charging
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.gaps import filled
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.masks import runs
from shared.diagnostics.rhythm import longest_silences, near
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from shared.wording import duration


def data_gap(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find gaps over which the car drove (0.2 km further) or charged.

    The car has charged where soc is 3 % higher after the gap, or where the car charges at both ends and soc
    has not fallen. A silent parked car has no gap. Where a reading next to a gap lacks the odometer or soc,
    the nearest one on the same side counts. Adjacent gaps are one episode; `peak` is
    the longest.
    """
    rule = RULES[Code.DATA_GAP]
    if len(trace) < 2:
        return
    limit = rule.levels[0].set
    silent = ~near(trace.ts, limit)
    # Rounded: in binary, differences of 0.2 km and 3 % may be slightly more or less.
    dt = np.round(np.diff(trace.ts), 6)
    odo, soc = (
        np.round(np.diff(filled(trace.ts, values, silent)), 6) for values in (trace.odo_km, trace.soc)
    )
    drove = odo >= rule.numbers["driven_km"]
    charges = charging(trace, profile)
    charged = (soc >= rule.numbers["charged_percent"]) | (charges[1:] & charges[:-1] & ~(soc < 0))
    begins, stops = runs(silent & (drove | charged))
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        top = begin + int(np.argmax(dt[begin:stop]))
        expected = float(longest_silences(trace.ts, np.array([top]), limit)[0])
        activity = "drove" if drove[top] else "was charged"
        yield compose(
            rule,
            trace.ts,
            Interval(begin, stop, stop),
            peak_at=top + 1,
            peak=dt[top],
            threshold=expected,
            detail=f"No reading for {duration(dt[top])} from {clock(trace.ts[top])} to"
            f" {clock(trace.ts[top + 1])}, and the car {activity} meanwhile;"
            f" at most {duration(expected)} are expected.",
        )
