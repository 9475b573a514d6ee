"""The stress of time against the stress of use, by a published model of ageing."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from shared.diagnostics.cell_temp import cell_temp
from shared.diagnostics.exposure import depths
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile
from shared.diagnostics.open_circuit import cell_voltage
from shared.diagnostics.passport import Cycles
from shared.diagnostics.rests import Rests
from shared.diagnostics.session import Session
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Chemistry, Profile, without

_CELL_AH = 2.15
"""The model's charge is that of this cell; a pack's is scaled by its equivalent full cycles."""
_ZERO_C = 273.15
_LEAST_DAYS = 7.0
_USUAL_TEMP_C, _USUAL_SOC = 25.0, 50.0


@dataclass(frozen=True, slots=True)
class Stress:
    """The loss of capacity that the model gives a new battery in this window, by its two causes."""

    calendar_share: float
    """Share of the loss by time, at these temperatures and soc, 0..1; the rest is by use."""
    calendar_factor: float
    """Speed of the ageing by time, over that of a battery kept at 25 °C and 50 %."""
    cycle_factor: float
    """Speed of the ageing by use, over that of the same charge in cycles of 50 % around 50 %."""
    mean_temp: float
    """°C"""
    mean_soc: float
    """%"""
    mean_depth: float
    """% of soc between charges."""
    days: float


def stress(
    trace: Trace,
    sessions: Sequence[Session],
    rests: Rests,
    cycles: Cycles | Missing,
    profile: Profile,
) -> Stress | Missing:
    """Compute alpha * days ** 0.75 and beta * sqrt(Ah) of Schmalstieg et al. (2014) over the window.

    alpha = (7.543 V - 23.75) * 1e6 * exp(-6976 / T), the mean over the known temperatures and soc; beta =
    7.348e-3 * (V - 3.667)² + 7.6e-4 + 4.081e-3 * depth. The model is of a cell of NMC of 2.15 Ah; its shares
    and factors compare two vehicles, and are no forecast. Source: docs/diagnostics.md, Figures.
    """
    if profile.chemistry is None:
        return NotInProfile(without("chemistry"))
    if profile.chemistry is Chemistry.LFP:
        return InsufficientData("the model is of cells with nickel, manganese and cobalt")
    if isinstance(cycles, Missing):
        return cycles
    temp, hours = cell_temp(trace), rests.hours
    known = ~np.isnan(temp + rests.soc)
    weight = np.zeros(len(trace))
    weight[:-1] += hours / 2
    weight[1:] += hours / 2
    weight[~known] = 0.0
    days = float(hours.sum()) / 24
    if days < _LEAST_DAYS or not weight.any() or cycles.count <= 0:
        return InsufficientData("fewer than 7 days with temperatures, soc and use")
    share = weight[known] / weight[known].sum()
    volts = cell_voltage(rests.soc[known])
    alpha = float(_alpha(volts, temp[known]) @ share)
    usual_v = cell_voltage(np.array([_USUAL_SOC]))
    usual_alpha = float(_alpha(usual_v, np.array([_USUAL_TEMP_C]))[0])
    falls = depths(sessions)
    # Each fall counts by its charge.
    depth = float(falls @ falls / falls.sum()) if len(falls) else _USUAL_SOC
    beta = _beta(float(volts @ share), depth / 100)
    charge = 2 * _CELL_AH * cycles.count
    by_time, by_use = alpha * days**0.75, beta * sqrt(charge)
    return Stress(
        calendar_share=by_time / (by_time + by_use),
        calendar_factor=alpha / usual_alpha,
        cycle_factor=beta / _beta(float(usual_v[0]), 0.5),
        mean_temp=float(temp[known] @ share),
        mean_soc=float(rests.soc[known] @ share),
        mean_depth=depth,
        days=days,
    )


def _alpha(volts: Floats, temp: Floats) -> Floats:
    result: Floats = np.maximum(7.543 * volts - 23.75, 0.0) * 1e6 * np.exp(-6976 / (temp + _ZERO_C))
    return result


def _beta(volts: float, depth: float) -> float:
    return 7.348e-3 * (volts - 3.667) ** 2 + 7.6e-4 + 4.081e-3 * depth
