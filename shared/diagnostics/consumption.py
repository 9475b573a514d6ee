"""What the vehicle takes from its battery per way."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.diagnostics.odometer import steps_by_whole_km
from shared.diagnostics.profile import Missing
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Trace

_LEAST_KM_WHOLE = 5.0
_LEAST_KM = 0.5
_LEAST_COVERAGE = 0.9
"""A drive with less of its energy known would look thrifty [C]."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """Over all drives that can be used."""

    kwh_per_100_km: float
    kwh: float
    """Net: out less in."""
    km: float
    drives: int


def consumption(trace: Trace, sessions: Sequence[Session]) -> Consumption | Missing:
    """100 * net kWh / km over the trace's drives with a coverage of at least 0.9; regained energy taken off.

    A drive needs >= 5 km when the odometer steps by whole km, else 0.5 km. `sessions` are those of this
    trace. Source: design/diagnostics.md, Integrals and estimates.
    """
    least = _LEAST_KM_WHOLE if steps_by_whole_km(trace) else _LEAST_KM
    kwh, km, drives = 0.0, 0.0, 0
    for session in sessions:
        if session.kind is not Kind.DRIVE or session.kwh_out is None or session.kwh_in is None:
            continue
        if session.km is not None and session.km >= least and session.coverage >= _LEAST_COVERAGE:
            kwh, km, drives = kwh + session.kwh_out - session.kwh_in, km + session.km, drives + 1
    if not drives:
        return Missing(
            f"insufficient_data: no drive of at least {least:g} km with {_LEAST_COVERAGE:.0%} measured"
        )
    return Consumption(100 * kwh / km, kwh, km, drives)
