"""Charging: constant current or power, then constant voltage, until the target or a trickle."""

from dataclasses import dataclass

from scripts.simulator.battery_pack import CAPACITY_AH, CELLS, BatteryPack

FULL_VOLTAGE = CELLS * 4.15
"""V"""
_CUT_OFF_A = CAPACITY_AH / 33
_COLD_SPAN_C = 20.0
"""Below 0 °C the limits shrink, to their least share at -20 °C [our choice]."""
_LEAST_SHARE = 0.05

_REGENERATION_A = 90.0
"""The highest charging current of braking [our choice]."""
_REGENERATION_VOLTAGE = CELLS * 4.20


@dataclass(frozen=True)
class Charger:
    """A charging point: its power, its highest current, and the soc (%) at which it stops."""

    power_w: float
    target_soc: float = 100.0
    max_current: float = 130.0
    """A"""

    def current(self, pack: BatteryPack) -> float:
        """Return the present current, A (negative): the least of the current, power and voltage limits."""
        share = cold_share(pack.min_temp)
        return min(
            0.0,
            max(
                -self.max_current * share,
                pack.current_at_power(-self.power_w * share),
                pack.current_at_voltage(FULL_VOLTAGE),
            ),
        )

    def done(self, pack: BatteryPack) -> bool:
        """Return whether the target is reached, or the voltage limit lets less than C/33 through."""
        return pack.soc >= self.target_soc or pack.current_at_voltage(FULL_VOLTAGE) > -_CUT_OFF_A


def cold_share(temp: float) -> float:
    """Return the share of a charging limit that is left at `temp` (°C, the coldest cell)."""
    return min(1.0, max(_LEAST_SHARE, 1 + temp / _COLD_SPAN_C))


def braking_current(pack: BatteryPack, current: float) -> float:
    """Return `current` (A), reduced where braking would charge a cold or full pack too hard."""
    if current >= 0:
        return current
    room = min(0.0, pack.current_at_voltage(_REGENERATION_VOLTAGE))
    return max(current, room, -_REGENERATION_A * cold_share(pack.min_temp))
