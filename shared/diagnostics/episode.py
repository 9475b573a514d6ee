"""Episodes: a rule's alert from one reading to another, for a person to check."""

from dataclasses import dataclass
from datetime import datetime

from shared.diagnostics.alerts import Severity
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.missing import Missing
from shared.diagnostics.rule import Code, Rule
from shared.diagnostics.trace import Floats, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from its start to its end, in event time (the `ts` of readings)."""

    code: Code
    severity: Severity
    """The worst severity of the episode."""
    started_at: datetime
    """The first reading that met the set condition, not the one that completed the debounce."""
    ended_at: datetime | None
    """The reading that met the clear condition, or the last one before a gap; None while active."""
    peak: float
    """The extreme observed value, in `unit`."""
    threshold: float
    """The set threshold of `severity`, in `unit`."""
    unit: str
    window_s: float
    """The time that the rule evaluates: its debounce, or its window."""
    samples: int
    """Number of readings in the episode."""
    readings: tuple[datetime, ...]
    """At most three example readings: first, peak, last."""
    detail: str
    """A sentence with the observed value, the threshold and the times."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule, or one direction of it, that could not be evaluated, or whose later episodes are left out."""

    code: Code
    missing: Missing


def compose(
    rule: Rule,
    ts: Floats,
    interval: Interval,
    *,
    peak_at: int,
    peak: float,
    detail: str,
    severity: Severity | None = None,
    threshold: float | None = None,
    unit: str | None = None,
    window_s: float | None = None,
    samples: int | None = None,
) -> Episode:
    """Make the episode of an interval over the readings at `ts`; values not given are the rule's."""
    times = sorted({interval.first, peak_at, interval.last})
    level = rule.levels[0]
    return Episode(
        code=rule.code,
        severity=severity or level.severity,
        started_at=moment(ts[interval.first]),
        ended_at=None if interval.ended_by is None else moment(ts[interval.ended_by]),
        peak=round(float(peak), 6) + 0.0,
        threshold=round(float(level.set if threshold is None else threshold), 6),
        unit=unit or rule.unit,
        window_s=float(rule.seconds if window_s is None else window_s),
        samples=interval.last - interval.first + 1 if samples is None else samples,
        readings=tuple(moment(ts[each]) for each in times),
        detail=detail,
    )


def clock(ts: float) -> str:
    """Format a time of a trace for a sentence."""
    return moment(ts).isoformat().replace("+00:00", "Z")
