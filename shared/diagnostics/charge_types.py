"""The type of each charge: at a domestic socket, at an AC wallbox, or at a DC station."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

_SOCKET_KW = 3.1
"""A domestic socket of 230 V gives 13 A at most (IEC 61851, mode 2)."""
_AC_KW = 24.0
"""AC wallboxes give up to 22 kW (IEC 61851, mode 3); few vehicles charge at 43 kW [C]."""
_SMALL_KW = 7.4
"""One phase of 32 A: no DC station gives as little as this at low soc [C]."""
_FAST_C = 0.25
"""Current over the nominal capacity: a DC station charges faster [C]."""
_STEADY_SHARE = 0.1
"""Standard deviation of the current over its mean below 80 % soc: an AC charger holds its current, a DC
station follows the battery; six real AC charges: 0.25 to 1.1 A [M]."""
_TAPER_SOC = 80.0
_PEAK_SHARE = 0.95
_MOST = (0.05, 0.95)
_HOT_C = 45.0
_LEAST_READINGS = 3


class ChargeType(StrEnum):
    """Type of a charge."""

    SOCKET = "socket"
    """Domestic socket (granny charger), up to 3.1 kW."""
    AC = "ac"
    DC = "dc"


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """The course of one charge with a known current."""

    first: int
    """Index in the trace of the first reading."""
    last: int
    start: float
    """Seconds since 1970, as `end`."""
    end: float
    type: ChargeType
    peak_kw: float
    """The 95th percentile of the power."""
    mean_a: float
    std_a: float
    """Standard deviation of the current below 80 % of soc, or of all where it begins above; the lowest and
    the highest twentieth count as the values next to them.
    """
    c_rate: float | None
    """Mean current over the profile's capacity_ah; None where that is unknown."""
    kwh_in: float
    soc_from: float | None
    soc_to: float | None
    hours: float
    hours_hot: float
    """Hours with max_temp > 45 °C."""
    max_temp: float | None


def charge_facts(
    trace: Trace, power_kw: Floats, sessions: Sequence[Session], profile: Profile
) -> list[ChargeFacts]:
    """Return the facts of the charges with a known current and voltage, in order of time.

    `power_kw`: positive = out, at each reading. Source: docs/diagnostics.md, Figures.
    """
    return [
        facts
        for session in sessions
        if session.kind is Kind.CHARGE and not session.inferred
        if (facts := _facts(trace, power_kw, session, profile)) is not None
    ]


def _facts(trace: Trace, power_kw: Floats, session: Session, profile: Profile) -> ChargeFacts | None:
    stretch = slice(session.first, session.last + 1)
    amps, kw, soc = -trace.pack_current[stretch], -power_kw[stretch], trace.soc[stretch]
    flows = (amps > 0) & ~np.isnan(kw)
    if np.count_nonzero(flows) < _LEAST_READINGS or session.kwh_in is None:
        return None
    peak = float(np.quantile(kw[flows], _PEAK_SHARE))
    constant = flows & (soc < _TAPER_SOC)
    steady = amps[constant if np.count_nonzero(constant) >= _LEAST_READINGS else flows]
    mean = float(np.mean(amps[flows]))
    # Without the first and the last readings of a charge, between which its current is switched.
    std = float(np.std(np.clip(steady, *np.quantile(steady, _MOST))))
    c_rate = mean / profile.capacity_ah if profile.capacity_ah else None
    hot = trace.max_temp[stretch]
    hours = np.diff(trace.ts[stretch]) / 3600
    return ChargeFacts(
        first=session.first,
        last=session.last,
        start=session.start,
        end=session.end,
        type=_type(peak, std / float(np.mean(steady)), c_rate),
        peak_kw=peak,
        mean_a=mean,
        std_a=std,
        c_rate=c_rate,
        kwh_in=session.kwh_in,
        soc_from=session.soc_from,
        soc_to=session.soc_to,
        hours=float(hours.sum()),
        hours_hot=float(hours[hot[:-1] > _HOT_C].sum() + hours[hot[1:] > _HOT_C].sum()) / 2,
        max_temp=session.max_temp,
    )


def _type(peak_kw: float, share: float, c_rate: float | None) -> ChargeType:
    if peak_kw <= _SOCKET_KW:
        return ChargeType.SOCKET
    if peak_kw > _AC_KW:
        return ChargeType.DC
    follows = share > _STEADY_SHARE and peak_kw > _SMALL_KW
    return ChargeType.DC if follows and (c_rate is None or c_rate > _FAST_C) else ChargeType.AC
