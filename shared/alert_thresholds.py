"""The thresholds of the alerts of one reading."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertThresholds:
    """Thresholds by severity, with their defaults: temperatures in °C, soc and soh in %."""

    temp_high_warning: float = 50
    temp_high_critical: float = 60
    soc_low_info: float = 20
    soc_low_warning: float = 10
    soc_low_critical: float = 5
    soh_low_warning: float = 80
    soh_low_critical: float = 70
    temp_spread_warning: float = 10
    temp_spread_critical: float = 20
