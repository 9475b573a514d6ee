"""Rules about sensors: a frozen voltage, absent temperatures, an offset and the sign of the current."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.cleaning import clean
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.vehicle_profile import Profile
from tests.battery_model import day
from tests.judged import FULL, HEALTHY, judged
from tests.rhythms import RHYTHMS, times
from tests.variants import told, ways

TEMPERATURES = {
    Code.TEMP_SPREAD,
    Code.COLD_CHARGING,
    Code.TEMP_HIGH,
    Code.SENSOR_IMPLAUSIBLE,
    Code.TEMP_RISE,
}


lived = cache(day)


def codes(readings, profile=FULL):
    return {each.code for each in judged(readings, profile=profile)}


@ways([8, 5, 10, 60])
def test_a_voltage_is_not_stuck_by_one_reading(step, how):
    """A Leaf's 394.46 V five times, with one current of -9.4 A among them."""
    current = np.array([*[0.3, -0.2] * 10, -0.2, -0.3, 1.6, -9.4, 0, *[2.0, 12.0] * 10])
    voltage = np.array([*[394.5, 394.6] * 10, *[394.46] * 5, *[394.3, 393.6] * 10])
    readings = told(step * np.arange(45), pack_current=current, pack_voltage=voltage, odo_km=500, **how)
    assert Code.STUCK_SENSOR not in codes(readings)


@ways([10, 8, 60, 600])
@pytest.mark.parametrize("odd", range(6))
def test_the_span_holds_with_any_one_reading_left_out(step, how, odd):
    """One current of 40 A among six at one voltage is none; two of them are a stuck sensor."""
    voltage = np.array([*[380.1, 380.0] * 6, *[381.0] * 6, *[380.1, 380.0] * 6])
    for count, found in ((1, False), (2, True)):
        current = np.full(len(voltage), 1.0)
        current[[12 + (odd + 3 * each) % 6 for each in range(count)]] = 40
        readings = told(step * np.arange(30), pack_current=current, pack_voltage=voltage, odo_km=500, **how)
        assert (Code.STUCK_SENSOR in codes(readings)) == found


@pytest.mark.parametrize("step", [1, 5, 8, 10, 30, 60, 120, 300, 600])
@pytest.mark.parametrize("seed", [1, 4])
def test_a_voltage_that_lags_one_reading_is_not_stuck(step, seed):
    """Each voltage is that of the reading before: no episode in a day of drives and a charge."""
    for digit in (0.1, 0.5, 1.0):
        readings = lived(seed).read(times(step, int(86_400 / step) - 1, jitter=0.05, first=step))
        for volts in (readings.pack_voltage, np.append(400, readings.pack_voltage[:-1])):
            lagging = replace(readings, pack_voltage=(volts / digit).round() * digit)
            assert not episodes(lagging, FULL, [Code.STUCK_SENSOR])[0]


def thermometers(step, how, hot, cold, count=5):
    """Return readings of 25 and 24 °C, with `count` of the values given in the middle."""
    number = np.arange(30 + count)
    inside = (number >= 15) & (number < 15 + count)
    return told(
        step * number,
        max_temp=np.where(inside, hot, 25.0),
        min_temp=np.where(inside, cold, 24.0),
        **{name: HEALTHY[name] for name in ("soc", "pack_current", "odo_km")},
        **how,
    )


@ways([10, 1, 60, 600])
@pytest.mark.parametrize(
    ("hot", "cold", "peak", "removed"),
    [(25, -40, -40, 5), (np.nan, -40, -40, 5), (20, 30, 30, 0), (25, -33, -33, 5), (-40, -40, -40, 10)],
)
def test_an_absent_thermometer_is_no_spread(step, how, hot, cold, peak, removed):
    """-40 °C for five rows, and a coldest cell warmer than the hottest: one warning, and nothing else."""
    readings = thermometers(step, how, hot, cold)
    (episode,) = (each for each in judged(readings) if each.code in TEMPERATURES)
    assert (episode.code, episode.severity, episode.samples) == (
        Code.SENSOR_IMPLAUSIBLE,
        Severity.WARNING,
        5,
    )
    assert (episode.peak, episode.started_at.timestamp()) == (peak, pytest.approx(readings.ts[15], abs=1e-5))
    assert clean(readings).removed.temp_implausible == removed


@ways([10, 1, 60, 600])
@pytest.mark.parametrize(
    ("hot", "cold", "expected"),
    [
        (40, 25, {Code.TEMP_SPREAD}),
        (70, 24, {Code.TEMP_SPREAD, Code.TEMP_HIGH}),
        (25, 25.9, set()),
        (-35, -40, set()),
    ],
)
def test_other_temperatures_are_believed(step, how, hot, cold, expected):
    """A hot cell is one; 0.9 °C between two sensors are their digits; -40 °C beside -35 °C is a winter."""
    readings = thermometers(step, how, hot, cold, count=40)
    if cold == -40:
        readings.max_temp[:], readings.min_temp[:] = hot, cold
    assert codes(readings) & {Code.TEMP_SPREAD, Code.TEMP_HIGH, Code.SENSOR_IMPLAUSIBLE} == expected


def test_one_odd_temperature_is_no_episode():
    """But no figure uses it."""
    readings = thermometers(10, {}, 25, -40, count=1)
    assert not codes(readings) & TEMPERATURES
    assert clean(readings).removed.temp_implausible == 1


def parked(step, offset, *, load=0.3, hours=72, how=None, noise=0.0):
    """Return a car of 60 Ah that is parked with a load of 0.3 A; its sensor shows `offset` A more."""
    seconds = np.arange(0, hours * 3600, step, float)
    soc = np.floor(80 - load * seconds / 3600 / 60 * 100)
    current = load + offset + np.random.default_rng(2).normal(0, noise, len(seconds))
    return told(
        seconds, soc=soc, pack_current=current.round(2), pack_voltage=380, odo_km=500.3, **(how or {})
    )


@ways([60, 10, 600, 3600])
@pytest.mark.parametrize("offset", [1.0, -1.0])
def test_an_offset_of_the_current_is_estimated_at_rest(step, how, offset):
    """1 A too much or too little: an information, active, within 0.1 A."""
    (episode,) = (each for each in judged(parked(step, offset, how=how, noise=0.05)) if "SENSOR" in each.code)
    assert (episode.code, episode.severity, episode.ended_at) == (Code.SENSOR_OFFSET, Severity.INFO, None)
    assert episode.peak == pytest.approx(offset, abs=0.1)
    assert "hours at rest" in episode.detail


@pytest.mark.parametrize("step", [10, 60, 600, 3600])
@pytest.mark.parametrize(("offset", "load"), [(0, 0.3), (0, 1.5), (0.3, 0.3), (-0.3, 0)])
def test_a_load_that_empties_the_battery_is_no_offset(step, offset, load):
    """Soc follows the current, but for 0.3 A."""
    assert Code.SENSOR_OFFSET not in codes(parked(step, offset, load=load, hours=40))


def test_an_offset_ends_on_the_day_on_which_soc_follows():
    """A day of 1 A too much, and days without."""
    wrong, right = parked(60, 1.0, hours=24), parked(60, 0.0, hours=48)
    joined = replace(
        right,
        pack_current=np.append(wrong.pack_current, right.pack_current[len(wrong) :]),
    )
    (episode,) = judged(joined, Code.SENSOR_OFFSET)
    assert episode.ended_at.timestamp() == pytest.approx(joined.ts[len(wrong)], abs=120)


def test_an_offset_without_an_odometer():
    """The current alone shows the rest."""
    readings = parked(60, 1.0)
    readings.odo_km[:] = np.nan
    assert len(judged(readings, Code.SENSOR_OFFSET)) == 1


def test_an_offset_needs_the_capacity():
    """Without it the rule is skipped."""
    _, skipped = episodes(parked(60, 1.0), Profile(), [Code.SENSOR_OFFSET])
    assert [each.missing.reason for each in skipped] == ["the profile has no nominal capacity (capacity_ah)"]


@pytest.mark.parametrize("step", RHYTHMS)
def test_sensor_rules_fire_at_each_rhythm(step):
    """From a second to an hour."""
    assert Code.SENSOR_IMPLAUSIBLE in codes(thermometers(step, {"jitter": True}, 25, -40, count=30))
    if step >= 10:
        assert Code.SENSOR_OFFSET in codes(parked(step, 1.0, how={"jitter": True}, hours=24))
