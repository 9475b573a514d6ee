"""Rules about the vehicle's clock against ours: what came late, and what came from the future."""

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import runs, spells
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace


def late_data(trace: Trace, _profile: Profile) -> list[Episode]:
    rule = RULES[Code.LATE_DATA]
    level = rule.levels[0]
    delay = np.round(trace.received_at - trace.ts, 6)
    late = delay > level.set
    found = []
    for spell in spells(trace.ts, late, ~late):
        top = spell.first + int(np.argmax(delay[spell.first : spell.last + 1]))
        found.append(
            compose(
                rule,
                trace.ts,
                (spell.first, spell.last),
                ended_at=None if spell.ended_by is None else float(trace.ts[spell.ended_by]),
                peak_at=top,
                peak=delay[top],
                detail=f"Taken at {clock(trace.ts[top])}, received {delay[top]:.6g} s later;"
                f" {level.severity} at > {level.set:g} s.",
            )
        )
    return found


def clock_skew(trace: Trace, _profile: Profile) -> list[Episode]:
    """Over 30 s ahead in at least 3 of 5 neighbouring readings: from the first of them to the last."""
    rule = RULES[Code.CLOCK_SKEW]
    level = rule.levels[0]
    ahead = np.round(trace.ts - trace.received_at, 6)
    skewed = ahead > level.set
    width = int(rule.numbers["out_of_readings"])
    so_far = np.concatenate((np.zeros(width, int), np.cumsum(skewed)))
    # Place i: of the readings i - 4 .. i at least 3 are ahead. Such windows that touch are one episode.
    begins, stops = runs(so_far[width:] - so_far[:-width] >= rule.readings)
    places = np.flatnonzero(skewed)
    found: list[Episode] = []
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        first = int(places[np.searchsorted(places, begin - width + 1)])
        last = int(places[np.searchsorted(places, stop) - 1])
        top = first + int(np.argmax(ahead[first : last + 1]))
        ended = last + 1
        found.append(
            compose(
                rule,
                trace.ts,
                (first, last),
                ended_at=float(trace.ts[ended]) if ended < len(trace) else None,
                peak_at=top,
                peak=ahead[top],
                samples=int(np.count_nonzero(skewed[first : last + 1])),
                detail=f"Taken at {clock(trace.ts[top])}, {ahead[top]:.6g} s after it was received;"
                f" {level.severity} at > {level.set:g} s in {rule.readings} of {width} readings.",
            )
        )
    return found
