"""The charges by their types, and the curve of the power over soc of each type."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.charge_types import ChargeFacts, ChargeType
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.trace import Floats, Trace

_CLASS = 5.0
"""% of soc"""
_CLASSES = 20
_LEAST_KW = 0.05
_TAPERED = 0.8
"""Share of the largest power of the curve at which the taper begins [C]."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The power in one class of soc, over the charges of one type."""

    soc: float
    """%, the middle of the class."""
    kw: float
    """The median of the charges' means."""
    low_kw: float
    """The 10th percentile of the charges; `high_kw` is the 90th."""
    high_kw: float
    charges: int


@dataclass(frozen=True, slots=True)
class TypeOfCharge:
    """The charges of one type."""

    type: ChargeType
    charges: int
    kwh_in: float
    hours: float
    hours_hot: float
    """Hours with max_temp > 45 °C."""
    peak_kw: float
    """The largest of the charges' peaks."""
    c_rate: float | None
    """The median of the charges' means; None without a capacity_ah."""
    taper_soc: float | None
    """Soc (%) from which on the curve stays below 80 % of its largest power; None where it does not."""
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Charging:
    """All charges with a known current."""

    types: tuple[TypeOfCharge, ...]
    charges: tuple[ChargeFacts, ...]


def charging_by_type(trace: Trace, power_kw: Floats, charges: Sequence[ChargeFacts]) -> Charging | Missing:
    """Group the charges by type, and compute the curve of each type in classes of 5 % of soc.

    `power_kw`: positive = out, at each reading. Source: docs/diagnostics.md, Figures.
    """
    if not charges:
        return InsufficientData("no charge with a known current and voltage")
    means = np.stack([_means(trace, power_kw, charge) for charge in charges])
    of = np.array([charge.type for charge in charges])
    types = (
        _of_type(each, [charge for charge in charges if charge.type is each], means[of == each])
        for each in ChargeType
        if (of == each).any()
    )
    return Charging(tuple(types), tuple(charges))


def _means(trace: Trace, power_kw: Floats, charge: ChargeFacts) -> Floats:
    """Return the mean power (kW, positive = in) of a charge in each class of soc; NaN in the others."""
    stretch = slice(charge.first, charge.last + 1)
    kw, soc = -power_kw[stretch], trace.soc[stretch]
    flows = (kw > _LEAST_KW) & ~np.isnan(soc)
    place = np.minimum((soc[flows] / _CLASS).astype(np.intp), _CLASSES - 1)
    number = np.bincount(place, minlength=_CLASSES)
    total = np.bincount(place, kw[flows], _CLASSES)
    mean: Floats = np.divide(total, number, out=np.full(_CLASSES, np.nan), where=number > 0)
    return mean


def _of_type(type_: ChargeType, charges: Sequence[ChargeFacts], means: Floats) -> TypeOfCharge:
    curve = []
    for place in np.flatnonzero(~np.isnan(means).all(axis=0)).tolist():
        known = means[:, place][~np.isnan(means[:, place])]
        low, middle, high = np.quantile(known, (0.1, 0.5, 0.9)).tolist()
        curve.append(CurvePoint((place + 0.5) * _CLASS, middle, low, high, len(known)))
    rates = [charge.c_rate for charge in charges if charge.c_rate is not None]
    return TypeOfCharge(
        type=type_,
        charges=len(charges),
        kwh_in=sum(charge.kwh_in for charge in charges),
        hours=sum(charge.hours for charge in charges),
        hours_hot=sum(charge.hours_hot for charge in charges),
        peak_kw=max(charge.peak_kw for charge in charges),
        c_rate=float(np.median(rates)) if rates else None,
        taper_soc=_taper(curve),
        curve=tuple(curve),
    )


def _taper(curve: Sequence[CurvePoint]) -> float | None:
    if not curve:
        return None
    limit = _TAPERED * max(point.kw for point in curve)
    above = [place for place, point in enumerate(curve) if point.kw >= limit]
    return curve[above[-1]].soc + _CLASS / 2 if above[-1] + 1 < len(curve) else None
