"""A battery pack: open-circuit voltage, resistance, one RC branch, and lumped heat.

Currents are positive when the pack discharges. The figures come from logs of a Nissan Leaf and a
BMW i3; those marked [our choice] have no source.
"""

from bisect import bisect_right
from math import exp, sqrt

CELLS = 96
"""Cells in series."""
CAPACITY_AH = 60.0
"""Capacity of the new pack [our choice]: about 23 kWh."""

_OCV_SOC = (20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0)
_OCV_CELL = (3.739, 3.828, 3.876, 3.917, 3.963, 3.995, 4.03, 4.075, 4.110)

_R0_OHM = 0.060
"""At 25 °C, new."""
_ACTIVATION_J = 23_000.0
_GAS_CONSTANT = 8.314
_KELVIN = 273.15
_R0_GROWTH = 2.5
"""Share of resistance gained per share of health lost."""

_R1_SHARE = 0.6
_TAU_S = 30.0

_HEAT_CAPACITY_J = 130_000.0
"""J/K"""
_COOLING_W = 4.0
"""W/K"""
_SPREAD_AT_REST = 0.6
_SPREAD_LOSS_W = 1_500.0
_SPREAD_TAU_S = 600.0
"""Time constant with which the spread follows the losses [our choice]."""


def open_circuit_voltage(soc: float) -> float:
    """Return the voltage (V) of the rested pack at `soc` (%), linear between and beyond the points."""
    upper = min(max(bisect_right(_OCV_SOC, soc), 1), len(_OCV_SOC) - 1)
    left, right = _OCV_SOC[upper - 1], _OCV_SOC[upper]
    low, high = _OCV_CELL[upper - 1], _OCV_CELL[upper]
    return CELLS * (low + (high - low) * (soc - left) / (right - left))


def ohmic_resistance(temp: float, soh: float) -> float:
    """Return R0 (ohm) at a temperature (°C) and a health (%).

    Arrhenius with 23 kJ/mol, linear in lost health.
    """
    warmth = exp(_ACTIVATION_J / _GAS_CONSTANT * (1 / (temp + _KELVIN) - 1 / (25.0 + _KELVIN)))
    return _R0_OHM * warmth * (1 + _R0_GROWTH * (1 - soh / 100))


class BatteryPack:
    """The state of one pack: charge, health, temperature, and current."""

    def __init__(self, *, soc: float, soh: float, temp: float) -> None:
        self.soc = soc
        """%; may pass 100 by a fraction at the end of a charge, as a charge counter does."""
        self.soh = soh
        """%"""
        self.temp = temp
        """Mean of the cells, °C."""
        self.current = 0.0
        """The last current, A."""
        self.throughput_ah = 0.0
        """Charge that flowed in both directions, Ah."""
        self._polarisation = 0.0
        """Voltage over the RC branch, V."""
        self._spread = _SPREAD_AT_REST

    @property
    def capacity_ah(self) -> float:
        """The capacity at the present health, Ah."""
        return CAPACITY_AH * self.soh / 100

    @property
    def r0(self) -> float:
        """Ohmic resistance at the present temperature and health, ohm."""
        return ohmic_resistance(self.temp, self.soh)

    @property
    def source_voltage(self) -> float:
        """The voltage that drives the current through R0: open-circuit voltage less polarisation, V."""
        return open_circuit_voltage(self.soc) - self._polarisation

    @property
    def voltage(self) -> float:
        """The voltage at the terminals, V."""
        return self.source_voltage - self.current * self.r0

    @property
    def max_temp(self) -> float:
        """The temperature of the hottest cell, °C."""
        return self.temp + self._spread / 2

    @property
    def min_temp(self) -> float:
        """The temperature of the coldest cell, °C."""
        return self.temp - self._spread / 2

    def current_at_power(self, power_w: float) -> float:
        """Return the current (A) that gives `power_w` (W, negative = charging) at the terminals.

        From P = I * (E - I * R0); beyond the pack's maximum power, the current of that maximum: E / (2 * R0).
        """
        r0, source = self.r0, self.source_voltage
        return (source - sqrt(max(source * source - 4 * r0 * power_w, 0.0))) / (2 * r0)

    def current_at_voltage(self, voltage: float) -> float:
        """Return the current (A) that holds the terminals at `voltage` (V)."""
        return (self.source_voltage - voltage) / self.r0

    def carry(self, current: float, seconds: float, ambient: float) -> None:
        """Apply `current` (A) for `seconds` at an ambient temperature of `ambient` (°C).

        Exact for a constant current and resistance, so that a rest can be taken in one long step.
        """
        r0 = self.r0
        losses = current * current * r0 + self._polarise(current, seconds, _R1_SHARE * r0)
        self._warm(losses, seconds, ambient)
        self.soc -= 100 * current * seconds / 3600 / self.capacity_ah
        self.throughput_ah += abs(current) * seconds / 3600
        self.current = current

    def _polarise(self, current: float, seconds: float, r1: float) -> float:
        """Charge or discharge the RC branch; returns the mean heat (W) in its resistor.

        Heat = energy put in less the energy that the capacitor keeps, which holds for a step of any length.
        """
        settled, before = current * r1, self._polarisation
        gone = 1 - exp(-seconds / _TAU_S)
        self._polarisation = before + (settled - before) * gone
        taken = current * (settled * seconds + (before - settled) * _TAU_S * gone)
        kept = 0.5 * _TAU_S / r1 * (self._polarisation**2 - before**2)
        return (taken - kept) / seconds

    def _warm(self, losses: float, seconds: float, ambient: float) -> None:
        settled = ambient + losses / _COOLING_W
        self.temp = settled + (self.temp - settled) * exp(-_COOLING_W * seconds / _HEAT_CAPACITY_J)
        spread = _SPREAD_AT_REST + losses / _SPREAD_LOSS_W
        self._spread = spread + (self._spread - spread) * exp(-seconds / _SPREAD_TAU_S)
