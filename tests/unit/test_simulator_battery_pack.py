from itertools import pairwise

import pytest

from scripts.simulator.battery_pack import (
    CELLS,
    BatteryPack,
    ohmic_resistance,
    open_circuit_voltage,
)


def test_ocv_passes_through_its_points_and_goes_on_beyond_them():
    """The curve meets the measured points, is linear between them and extrapolated outside."""
    assert open_circuit_voltage(20) == pytest.approx(CELLS * 3.739)
    assert open_circuit_voltage(90) == pytest.approx(CELLS * 4.075)
    assert open_circuit_voltage(85) == pytest.approx(CELLS * (4.03 + 4.075) / 2)
    assert open_circuit_voltage(10) == pytest.approx(CELLS * (3.739 - 0.089))
    assert open_circuit_voltage(100) == pytest.approx(CELLS * 4.145)


def test_ocv_rises_all_the_way():
    """A fuller pack has a higher voltage, everywhere."""
    curve = [open_circuit_voltage(soc / 10) for soc in range(1001)]
    assert all(lower < higher for lower, higher in pairwise(curve))


def test_resistance_grows_in_the_cold_and_with_lost_health():
    """60 mOhm at 25 °C, 23 kJ/mol, and 2.5 % more for each % of health lost."""
    assert ohmic_resistance(25, 100) == pytest.approx(0.060)
    assert ohmic_resistance(11.5, 100) == pytest.approx(0.060 * 1.552, rel=0.005)
    assert ohmic_resistance(25, 80) == pytest.approx(0.060 * 1.5)


def test_power_step_gives_the_power_asked_for():
    """The solved current, at its voltage, gives the power, driving and charging."""
    pack = BatteryPack(soc=60, soh=95, temp=20)
    for power in (60_000, 5_000, 0, -30_000):
        current = pack.current_at_power(power)
        assert current * (pack.source_voltage - current * pack.r0) == pytest.approx(power, abs=1e-6)


def test_more_than_the_pack_can_give_yields_its_utmost():
    """An impossible power is not an error: the current stops at E / (2 * R0)."""
    pack = BatteryPack(soc=60, soh=95, temp=20)
    assert pack.current_at_power(1e9) == pytest.approx(pack.source_voltage / (2 * pack.r0))


def test_voltage_step_shows_the_ohmic_resistance():
    """-dV/dI of a jump in current is R0 and little more: the diagnostics measure it that way."""
    pack = BatteryPack(soc=60, soh=100, temp=25)
    pack.carry(0, 1, 25)
    at_rest = pack.voltage
    pack.carry(100, 1, 25)
    assert 0.060 <= (at_rest - pack.voltage) / 100 <= 0.064


def test_polarisation_settles_at_r1_and_fades_in_a_rest():
    """After five time constants a load costs R0 + R1 = 1.6 R0; after a long rest nothing is left."""
    pack = BatteryPack(soc=60, soh=100, temp=25)
    pack.carry(50, 150, 25)
    drop = open_circuit_voltage(pack.soc) - pack.voltage
    assert drop / 50 == pytest.approx(1.6 * 0.060, rel=0.02)
    pack.carry(0, 900, 25)
    assert pack.voltage == pytest.approx(open_circuit_voltage(pack.soc))


def test_soc_counts_coulombs_against_the_present_capacity():
    """60 A for an hour empty a new pack of 60 Ah; a worn one is emptied by less."""
    for soh in (100, 80):
        pack = BatteryPack(soc=90, soh=soh, temp=25)
        pack.carry(30, 3600, 25)
        assert 90 - pack.soc == pytest.approx(50 * 100 / soh)
        assert pack.throughput_ah == pytest.approx(30)


def test_one_long_rest_equals_many_short_ones():
    """A rest in one step: charge, heat and voltage are the same."""
    packs = [BatteryPack(soc=60, soh=95, temp=35) for _ in range(2)]
    for pack in packs:
        pack.carry(100, 60, 10)
    packs[0].carry(0, 3600, 10)
    for _ in range(3600):
        packs[1].carry(0, 1, 10)
    assert packs[0].voltage == pytest.approx(packs[1].voltage)
    assert packs[0].temp == pytest.approx(packs[1].temp, abs=0.005)
    assert packs[0].max_temp == pytest.approx(packs[1].max_temp, abs=0.02)


def test_energy_is_conserved():
    """The cells' energy equals that at the terminals plus the heat, under a changing load."""
    pack = BatteryPack(soc=80, soh=90, temp=25)
    chemical = electric = cooled = 0.0
    for second in range(3600):
        current = (80, -40, 0, 30)[second // 60 % 4]
        source = open_circuit_voltage(pack.soc)
        pack.carry(current, 1, 25)
        chemical += source * current
        electric += pack.voltage * current
        cooled += 4.0 * (pack.temp - 25)
    pack.carry(0, 600, 25)
    heat = 130_000 * (pack.temp - 25) + cooled + 600 * 4.0 * (pack.temp - 25)
    assert chemical - electric == pytest.approx(heat, rel=0.03)
    assert heat > 100_000
