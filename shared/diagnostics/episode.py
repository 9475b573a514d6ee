"""An episode: something that was the matter from one reading to another, for a person to check."""

from dataclasses import dataclass
from datetime import datetime

from shared.diagnostics.alerts import Severity
from shared.diagnostics.hysteresis import Spell
from shared.diagnostics.missing import Missing
from shared.diagnostics.rule import Code, Rule
from shared.diagnostics.trace import Floats, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from start to end, in the time of the readings (event time)."""

    code: Code
    severity: Severity
    """The worst inside."""
    started_at: datetime
    """The first reading that met the set condition, not the one that completed the debounce."""
    ended_at: datetime | None
    """The reading that met the clear condition; the last one before a gap; None while active."""
    peak: float
    """The extreme of what was observed, in `unit`."""
    threshold: float
    """The set threshold of `severity`, in `unit`."""
    unit: str
    window_s: float
    """The time over which the rule judges: its debounce, or its window."""
    samples: int
    """Readings inside."""
    readings: tuple[datetime, ...]
    """The readings behind it, at most three: first, peak, last."""
    detail: str
    """A sentence with the observed value, the threshold and the times."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule, or one side of it, that could not be judged, or whose later episodes are left out."""

    code: Code
    missing: Missing


def compose(
    rule: Rule,
    ts: Floats,
    spell: Spell,
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
    """The episode of a spell over the readings at `ts`."""
    times = sorted({spell.first, peak_at, spell.last})
    level = rule.levels[0]
    return Episode(
        code=rule.code,
        severity=severity or level.severity,
        started_at=moment(ts[spell.first]),
        ended_at=None if spell.ended_by is None else moment(ts[spell.ended_by]),
        peak=round(float(peak), 6) + 0.0,
        threshold=round(float(level.set if threshold is None else threshold), 6),
        unit=unit or rule.unit,
        window_s=float(rule.seconds if window_s is None else window_s),
        samples=spell.last - spell.first + 1 if samples is None else samples,
        readings=tuple(moment(ts[each]) for each in times),
        detail=detail,
    )


def clock(ts: float) -> str:
    """A time of a trace as it stands in a sentence."""
    return moment(ts).isoformat().replace("+00:00", "Z")
