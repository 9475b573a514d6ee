"""Alerts of one reading: what its newest values say needs a person, without any history."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ranks = NDArray[Any]

_DECIMALS = 6
_NEAR = 1e-5


class Severity(StrEnum):
    """How much it matters, from least to most."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertCode(StrEnum):
    """Rule of an alert."""

    TEMP_HIGH = "TEMP_HIGH"
    SOC_LOW = "SOC_LOW"
    SOH_LOW = "SOH_LOW"
    TEMP_SPREAD = "TEMP_SPREAD"


class Alert(NamedTuple):
    """One thing that needs a person; `message` holds the observed value and the threshold."""

    code: AlertCode
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertThresholds:
    """Where alerts begin: temperatures in °C, soc and soh in %."""

    temp_high_warning: float = 50
    temp_high_critical: float = 60
    soc_low_info: float = 20
    soc_low_warning: float = 10
    soc_low_critical: float = 5
    soh_low_warning: float = 80
    soh_low_critical: float = 70
    temp_spread_warning: float = 10
    temp_spread_critical: float = 20


def alerts(
    *,
    soc: float | None,
    soh: float | None,
    max_temp: float | None,
    min_temp: float | None,
    thresholds: AlertThresholds,
) -> list[Alert]:
    """The alerts of one reading (soc, soh in %; temperatures in °C); a null signal raises none."""
    found = (
        _temp_high(max_temp, thresholds),
        _soc_low(soc, thresholds),
        _soh_low(soh, thresholds),
        _temp_spread(max_temp, min_temp, thresholds),
    )
    return [alert for alert in found if alert is not None]


def _temp_high(max_temp: float | None, at: AlertThresholds) -> Alert | None:
    if max_temp is None:
        return None
    for severity, limit in (
        (Severity.CRITICAL, at.temp_high_critical),
        (Severity.WARNING, at.temp_high_warning),
    ):
        if max_temp >= limit:
            message = f"The hottest cell is at {max_temp:.15g} °C (limit {limit:.15g} °C)."
            return Alert(AlertCode.TEMP_HIGH, severity, message)
    return None


def _soc_low(soc: float | None, at: AlertThresholds) -> Alert | None:
    if soc is None:
        return None
    for severity, limit in (
        (Severity.CRITICAL, at.soc_low_critical),
        (Severity.WARNING, at.soc_low_warning),
        (Severity.INFO, at.soc_low_info),
    ):
        if soc <= limit:
            return Alert(
                AlertCode.SOC_LOW, severity, f"The charge is down to {soc:.15g} % (limit {limit:.15g} %)."
            )
    return None


def _soh_low(soh: float | None, at: AlertThresholds) -> Alert | None:
    if soh is None:
        return None
    for severity, limit in (
        (Severity.CRITICAL, at.soh_low_critical),
        (Severity.WARNING, at.soh_low_warning),
    ):
        if soh < limit:
            message = f"The state of health is {soh:.15g} % (limit {limit:.15g} %)."
            return Alert(AlertCode.SOH_LOW, severity, message)
    return None


def _temp_spread(max_temp: float | None, min_temp: float | None, at: AlertThresholds) -> Alert | None:
    if max_temp is None or min_temp is None:
        return None
    # 32.3 - 22.3 is a hair below 10 in binary; a threshold must not depend on that.
    spread = round(max_temp - min_temp, _DECIMALS)
    for severity, limit in (
        (Severity.CRITICAL, at.temp_spread_critical),
        (Severity.WARNING, at.temp_spread_warning),
    ):
        if spread >= limit:
            message = f"The cells' temperatures are {spread:.15g} °C apart (limit {limit:.15g} °C)."
            return Alert(AlertCode.TEMP_SPREAD, severity, message)
    return None


def worst_alerts(
    *, soc: Floats, soh: Floats, max_temp: Floats, min_temp: Floats, thresholds: AlertThresholds
) -> Ranks:
    """The worst severity among the alerts of each of many readings: 0 for none, then as Severity counts.

    The same rules as `alerts`, for a whole fleet at once, with NaN for a null; a test holds the two equal.
    """
    at, warning, critical = thresholds, 2, 3
    spread = max_temp - min_temp
    for limit in (at.temp_spread_warning, at.temp_spread_critical):
        # Close to a limit NumPy may round otherwise than Python.
        for place in np.flatnonzero(np.abs(spread - limit) < _NEAR).tolist():
            spread[place] = round(float(spread[place]), _DECIMALS)
    ranks: Ranks = np.max(
        [
            critical * (max_temp >= at.temp_high_critical),
            warning * (max_temp >= at.temp_high_warning),
            critical * (soc <= at.soc_low_critical),
            warning * (soc <= at.soc_low_warning),
            1 * (soc <= at.soc_low_info),
            critical * (soh < at.soh_low_critical),
            warning * (soh < at.soh_low_warning),
            critical * (spread >= at.temp_spread_critical),
            warning * (spread >= at.temp_spread_warning),
        ],
        axis=0,
    )
    return ranks
