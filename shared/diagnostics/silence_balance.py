"""The balance of silences: the change of the state of charge while the vehicle was read, and while not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shared.diagnostics.masks import Mask
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.odometer import travelled
from shared.diagnostics.rests import Rests
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.soh import newest_soh
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

_KINDS = (Kind.CHARGE, Kind.DRIVE, Kind.UNOBSERVED)


@dataclass(frozen=True, slots=True)
class Part:
    """The silences of one kind."""

    kind: str
    """`charge`, `drive`, `unobserved` (a drive and a charge), or `rest`."""
    silences: int
    hours: float
    percent: float
    """Change of soc, %; negative = fell."""
    kwh: float | None
    """The same as energy into the battery, by the profile's energy_kwh and the reported soh."""
    km: float | None


@dataclass(frozen=True, slots=True)
class Balance:
    """The changes of soc over all readings: seen + silent."""

    seen_percent: float
    """Change of soc between readings without a gap."""
    seen_kwh: float
    """Net energy into the battery, measured between them."""
    silent_percent: float
    parts: tuple[Part, ...]
    """Of the silences; without those kinds that do not occur."""


def balance(
    trace: Trace, sessions: Sequence[Session], rests: Rests, charged_kwh: Floats, profile: Profile
) -> Balance | Missing:
    """Compute the changes of soc over gaps, by the kind of session that lies over each, and outside of gaps.

    `charged_kwh`: net energy in over each pair of neighbouring readings.
    Source: docs/diagnostics.md, Figures.
    """
    if np.count_nonzero(~np.isnan(rests.soc)) < 2:
        return InsufficientData("fewer than two readings have soc")
    silent = gaps(trace.ts)
    change = np.diff(rests.soc)
    changes = _Changes(rests.hours, change, np.diff(travelled(trace)))
    kind = np.full(len(silent), "rest", dtype="U10")
    for session in sessions:
        if session.inferred and session.kind in _KINDS:
            kind[session.first : session.last] = str(session.kind)
    soh = newest_soh(trace)
    per_percent = None if profile.energy_kwh is None or soh is None else profile.energy_kwh * soh / 1e4
    parts = (
        _part(each, silent & (kind == each), changes, per_percent) for each in (*map(str, _KINDS), "rest")
    )
    return Balance(
        seen_percent=float(np.nansum(change[~silent])),
        seen_kwh=float(charged_kwh[~silent].sum()),
        silent_percent=float(np.nansum(change[silent])),
        parts=tuple(part for part in parts if part.silences),
    )


class _Changes(NamedTuple):
    hours: Floats
    percent: Floats
    km: Floats


def _part(kind: str, chosen: Mask, changes: _Changes, per_percent: float | None) -> Part:
    percent, km = float(np.nansum(changes.percent[chosen])), changes.km[chosen]
    return Part(
        kind=kind,
        silences=int(np.count_nonzero(chosen)),
        hours=float(changes.hours[chosen].sum()),
        percent=percent,
        kwh=None if per_percent is None else percent * per_percent,
        km=None if np.isnan(km).all() else float(np.nansum(km)),
    )
