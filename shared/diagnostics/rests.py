"""Rests: the time in which a vehicle neither drives nor charges, silences included."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.gaps import filled
from shared.diagnostics.masks import Mask, runs
from shared.diagnostics.session import Session
from shared.diagnostics.trace import Floats, Trace


@dataclass(frozen=True, slots=True, eq=False)
class Rests:
    """The pairs of neighbouring readings within no session, and their soc."""

    at_rest: Mask
    """Per pair of readings."""
    hours: Floats
    """Of each pair."""
    soc: Floats
    """%, at each reading: the last known value, after a silence the next one."""

    @classmethod
    def of(cls, trace: Trace, sessions: Sequence[Session]) -> Self:
        """Find the pairs at rest; `sessions` are those of the trace."""
        at_rest = np.ones(max(len(trace) - 1, 0), np.bool_)
        for session in sessions:
            at_rest[session.first : session.last] = False
        return cls(at_rest, np.diff(trace.ts) / 3600, filled(trace.ts, trace.soc))

    def stretches(self) -> tuple[Floats, Floats, Floats]:
        """Return the days of each rest, and soc (%) at its begin and its end."""
        begins, stops = runs(self.at_rest)
        so_far = np.concatenate(([0.0], np.cumsum(self.hours)))
        return (so_far[stops] - so_far[begins]) / 24, self.soc[begins], self.soc[stops]
