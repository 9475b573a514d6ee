"""Alerts of one reading, without any history: for a scalar, for arrays and in SQL, all from `RULES`."""

import operator
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.alert_thresholds import AlertThresholds

Floats = NDArray[np.float64]
Ranks = NDArray[Any]

_DECIMALS = 6
_NEAR = 1e-5


class Severity(StrEnum):
    """Severity of an alert, from the least to the worst."""

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
    """An alert of one reading; `message` names the observed value and the threshold."""

    code: AlertCode
    severity: Severity
    message: str


class AlertRule(NamedTuple):
    """The rule of one alert: a value and its thresholds."""

    code: AlertCode
    signals: tuple[str, ...]
    """One signal, or two whose difference is the value; where one of them is null there is no alert."""
    comparison: Literal[">=", "<=", "<"]
    thresholds: Mapping[Severity, str]
    """Fields of `AlertThresholds` by severity, worst first."""
    message: str
    """A sentence with the places `value` and `limit`."""


RULES = (
    AlertRule(
        AlertCode.TEMP_HIGH,
        ("max_temp",),
        ">=",
        {Severity.CRITICAL: "temp_high_critical", Severity.WARNING: "temp_high_warning"},
        "The hottest cell is at {value:.15g} °C (limit {limit:.15g} °C).",
    ),
    AlertRule(
        AlertCode.SOC_LOW,
        ("soc",),
        "<=",
        {
            Severity.CRITICAL: "soc_low_critical",
            Severity.WARNING: "soc_low_warning",
            Severity.INFO: "soc_low_info",
        },
        "The charge is down to {value:.15g} % (limit {limit:.15g} %).",
    ),
    AlertRule(
        AlertCode.SOH_LOW,
        ("soh",),
        "<",
        {Severity.CRITICAL: "soh_low_critical", Severity.WARNING: "soh_low_warning"},
        "The state of health is {value:.15g} % (limit {limit:.15g} %).",
    ),
    AlertRule(
        AlertCode.TEMP_SPREAD,
        ("max_temp", "min_temp"),
        ">=",
        {Severity.CRITICAL: "temp_spread_critical", Severity.WARNING: "temp_spread_warning"},
        "The cells' temperatures are {value:.15g} °C apart (limit {limit:.15g} °C).",
    ),
)
"""In the order in which the alerts of a reading are listed."""

ALERT_SIGNALS = tuple(dict.fromkeys(signal for rule in RULES for signal in rule.signals))
"""The signals of all rules."""

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}


def alerts(signals: Mapping[str, float | None], thresholds: AlertThresholds) -> list[Alert]:
    """Return the alerts of one reading, given by signal name (soc, soh in %; temperatures in °C)."""
    found = []
    for rule, compare, levels, mildest in _levels(thresholds):
        value = signals[rule.signals[0]]
        if value is None:
            continue
        if len(rule.signals) > 1:
            subtracted = signals[rule.signals[1]]
            if subtracted is None:
                continue
            # Rounded: 32.3 - 22.3 is just below 10 in binary, and must still reach a threshold of 10.
            value = round(value - subtracted, _DECIMALS)
        if not compare(value, mildest):
            continue
        severity, limit = next(level for level in levels if compare(value, level[1]))
        found.append(Alert(rule.code, severity, rule.message.format(value=value, limit=limit)))
    return found


class _Levels(NamedTuple):
    rule: AlertRule
    compare: Callable[[Any, Any], Any]
    levels: tuple[tuple[Severity, float], ...]
    """Severity and limit, worst first."""
    mildest: float
    """The limit that most values reach."""


# Cached for each set of settings: each answer of `latest` computes alerts.
@lru_cache(16)
def _levels(at: AlertThresholds) -> tuple[_Levels, ...]:
    found = []
    for rule in RULES:
        levels = tuple((severity, getattr(at, name)) for severity, name in rule.thresholds.items())
        limits = [limit for _, limit in levels]
        mildest = min(limits) if rule.comparison == ">=" else max(limits)
        found.append(_Levels(rule, _COMPARE[rule.comparison], levels, mildest))
    return tuple(found)


def alert_ranks(signals: Mapping[str, Floats], thresholds: AlertThresholds) -> dict[AlertCode, Ranks]:
    """Rank each alert of many readings, by code: 0 for none, then as Severity counts.

    `signals` holds one array a signal of `ALERT_SIGNALS`, all of one length, with NaN for a null.
    """
    severities = list(Severity)
    ranks: dict[AlertCode, Ranks] = {}
    for rule, compare, levels, _ in _levels(thresholds):
        values = signals[rule.signals[0]]
        if len(rule.signals) > 1:
            values = _differences(values, signals[rule.signals[1]], [limit for _, limit in levels])
        ranks[rule.code] = np.max(
            [(1 + severities.index(severity)) * compare(values, limit) for severity, limit in levels], axis=0
        )
    return ranks


def worst_alerts(signals: Mapping[str, Floats], thresholds: AlertThresholds) -> Ranks:
    """Rank the worst alert of each of many readings, as `alert_ranks` does each alert."""
    worst: Ranks = np.max(list(alert_ranks(signals, thresholds).values()), axis=0)
    return worst


def _differences(high: Floats, low: Floats, limits: list[float]) -> Floats:
    differences = high - low
    for limit in limits:
        # Close to a limit NumPy may round differently from Python.
        for place in np.flatnonzero(np.abs(differences - limit) < _NEAR).tolist():
            differences[place] = round(float(differences[place]), _DECIMALS)
    return differences


def any_alert_sql() -> str:
    """Return a condition on the signals' columns that is true for each reading with an alert.

    The placeholders are the rules' codes; `mildest_limits` returns their values. `alerts` rounds differences
    of temperatures, so the condition may also be true for one of half a millionth less than a limit.
    """
    return " OR ".join(f"{' - '.join(rule.signals)} {rule.comparison} %({rule.code})s" for rule in RULES)


def mildest_limits(thresholds: AlertThresholds) -> dict[str, float]:
    """Return, by the rule's code, the threshold that most readings reach."""
    return {
        str(rule.code): mildest - 0.5 * 10**-_DECIMALS if len(rule.signals) > 1 else mildest
        for rule, _, _, mildest in _levels(thresholds)
    }
