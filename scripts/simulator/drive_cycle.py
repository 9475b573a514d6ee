"""Speed profiles: a WLTP-like cycle in four phases, and trips composed of such phases.

The phases have the duration and the mean speed (stops included) of the WLTP's class 3 phases, and stops,
ramps and cruises of our own making: the published table is not copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from math import pi, sin
from random import Random


@dataclass(frozen=True)
class Phase:
    """One part of the cycle, from standstill to standstill."""

    seconds: int
    mean_kmh: float
    legs: tuple[tuple[int, float], ...]
    """Seconds, and the speed (km/h) reached at their end; scaled as a whole to meet the mean."""

    @property
    def km(self) -> float:
        return self.mean_kmh * self.seconds / 3600


# fmt: off
LOW = Phase(589, 18.9, (
    (11, 0), (7, 28), (27, 25), (6, 0), (23, 0), (10, 40), (14, 42), (7, 24), (8, 40), (13, 38), (7, 14),
    (6, 33), (28, 35), (8, 0), (31, 0), (6, 24), (25, 23), (6, 0), (28, 0), (13, 60), (14, 50), (7, 34),
    (7, 50), (18, 52), (13, 0), (32, 0), (8, 33), (26, 28), (6, 10), (5, 28), (27, 25), (7, 0), (24, 0),
    (10, 41), (14, 42), (7, 22), (6, 36), (13, 38), (9, 0), (22, 0), (5, 22), (19, 19), (6, 0),
))
MEDIUM = Phase(433, 39.5, (
    (9, 0), (11, 44), (30, 45), (7, 26), (7, 44), (38, 45), (10, 0), (20, 0), (8, 34), (9, 52), (20, 52),
    (8, 34), (9, 55), (25, 52), (9, 38), (7, 50), (33, 47), (11, 0), (18, 0), (9, 40), (14, 70), (22, 72),
    (8, 55), (9, 76), (22, 74), (14, 40), (33, 44), (10, 0), (3, 0),
))
HIGH = Phase(455, 56.7, (
    (6, 0), (10, 46), (11, 64), (22, 64), (8, 46), (9, 66), (22, 62), (10, 42), (8, 62), (52, 62), (14, 0),
    (18, 0), (10, 46), (13, 74), (15, 95), (26, 97), (10, 78), (11, 97), (24, 94), (16, 54), (26, 57),
    (9, 36), (10, 60), (25, 55), (9, 38), (8, 54), (37, 52), (13, 0), (3, 0),
))
EXTRA_HIGH = Phase(323, 92.0, (
    (4, 0), (9, 48), (10, 78), (15, 102), (35, 101), (14, 70), (20, 76), (19, 109), (19, 127), (18, 131),
    (18, 128), (19, 92), (8, 92), (12, 112), (20, 110), (9, 90), (13, 116), (27, 113), (31, 0), (3, 0),
))
# fmt: on
WLTP_LIKE = (LOW, MEDIUM, HIGH, EXTRA_HIGH)

_RIPPLE_KMH = 3.0
_RIPPLE_S = 15
"""A driver does not hold a speed exactly: a cruise swings by 3 km/h about every 15 s [our choice]."""
_CRUISE_S = 20


def speeds(phases: tuple[Phase, ...]) -> tuple[float, ...]:
    """Return the speed (m/s) at every second of the phases in a row, the first and the last included."""
    return (0.0, *chain.from_iterable(_phase_speeds(phase) for phase in phases))


@cache
def _phase_speeds(phase: Phase) -> tuple[float, ...]:
    """Return the speed (m/s) at each second of a phase but its first."""
    profile: list[float] = []
    begin = 0.0
    for seconds, end in phase.legs:
        swing = _RIPPLE_KMH if seconds >= _CRUISE_S and begin and end else 0.0
        turns = 2 * pi * round(seconds / _RIPPLE_S)
        profile += [
            begin + (end - begin) * second / seconds + swing * sin(turns * second / seconds)
            for second in range(1, seconds + 1)
        ]
        begin = end
    scale = phase.mean_kmh / 3.6 * phase.seconds / sum(profile)
    return tuple(scale * speed for speed in profile)


class Trip:
    """A drive in progress along a speed profile."""

    def __init__(self, profile: Sequence[float], *, pace: float = 1.0, elapsed: float = 0.0) -> None:
        """Start `elapsed` seconds into `profile` (m/s, one value a second), with all speeds times `pace`."""
        self.profile = profile
        self.pace = pace
        self.elapsed = elapsed

    @property
    def remaining(self) -> float:
        """Seconds to the end."""
        return len(self.profile) - 1 - self.elapsed

    @property
    def speed(self) -> float:
        """The present speed, m/s."""
        second = min(int(self.elapsed), len(self.profile) - 2)
        before, after = self.profile[second], self.profile[second + 1]
        return self.pace * (before + (after - before) * (self.elapsed - second))

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


def route(km: float, rng: Random) -> tuple[Phase, ...]:
    """Return phases that add up to about `km`: slow ones at both ends, faster ones between."""
    phases = [LOW]
    left = km - LOW.km
    while left > LOW.km / 2:
        fitting = [phase for phase in WLTP_LIKE if phase.km <= left + LOW.km / 2]
        phases.append(rng.choice(fitting[-2:]))
        left -= phases[-1].km
    return tuple(phases)
