"""The quality of the readings."""

from dataclasses import dataclass

import numpy as np

from shared.diagnostics.cleaning import Removed
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.rhythm import gaps, near
from shared.diagnostics.trace import Trace

_LATE_S = 180.0


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of one trace."""

    readings: int
    median_interval_s: float
    p95_interval_s: float
    logged_share: float
    """Share of the span between near readings: up to 60 s, or within the rhythm, 0..1."""
    gaps: int
    """Intervals of at least 300 s, and beyond the rhythm"""
    gap_hours: float
    longest_gap_s: float
    """0 without a gap"""
    coverage: float
    """Share of the span whose energy is known, 0..1."""
    late_share: float
    """Share of the readings that were received over 180 s after their `ts`, 0..1."""
    cleaned: Removed


def quality(trace: Trace, removed: Removed, pairs: Pairs | None = None) -> Quality | Missing:
    """Compute intervals between neighbours (s, gaps included), gaps, coverage and lateness.

    Needs two readings; `removed` is the outcome of their cleaning, `pairs` are theirs, where already known.
    Source: docs/diagnostics.md, Figures.
    """
    if len(trace) < 2:
        return InsufficientData("fewer than two readings")
    seconds = np.diff(trace.ts)
    silences = seconds[gaps(trace.ts)]
    median, p95 = np.quantile(seconds, (0.5, 0.95))
    return Quality(
        readings=len(trace),
        median_interval_s=float(median),
        p95_interval_s=float(p95),
        logged_share=float(seconds[near(trace.ts)].sum() / seconds.sum()),
        gaps=len(silences),
        gap_hours=float(silences.sum()) / 3600,
        longest_gap_s=float(np.max(silences, initial=0.0)),
        coverage=(pairs or Pairs.of(trace)).total().coverage,
        late_share=float(np.mean(trace.received_at - trace.ts > _LATE_S)),
        cleaned=removed,
    )
