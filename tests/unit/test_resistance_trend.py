"""The growth of the resistance from July to January: within its interval at any activation energy."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.resistance import Resistance, ResistanceOfDay, resistance
from shared.diagnostics.resistance_trend import resistance_trend
from tests.ageing_pack import lived

JOULE = (15e3, 23e3, 30e3, 38e3, 45e3)
GROWTHS = (0.0, 0.1, 0.3)
WAYS = pytest.mark.parametrize(
    "how",
    [{}, {"every": 3, "step_s": 10.0}, {"every": 7}, {"weather_c": 1.0}, {"weather_c": 0.2}],
    ids=["daily", "every third day", "weekly", "mild weather", "no weather"],
)


def trend(seed, **how):
    return resistance_trend(resistance(lived(seed, **how)))


def holds(seed, joule, growth, **how):
    found = trend(seed, joule=joule, growth=growth, **how).growth
    return found.low <= 100 * growth <= found.high


@WAYS
def test_the_growth_lies_in_its_interval(how):
    """Five activation energies, three growths, two seeds: in at least 90 of 100 cases."""
    held = [holds(seed, joule, growth, **how) for joule, growth, seed in product(JOULE, GROWTHS, range(2))]
    assert np.mean(held) >= 0.9


@pytest.mark.nightly
@WAYS
@pytest.mark.parametrize("joule", JOULE)
@pytest.mark.parametrize("growth", GROWTHS)
def test_the_growth_lies_in_its_interval_for_each_activation_energy(growth, joule, how):
    """In at least 90 of 100 seeds."""
    assert sum(holds(seed, joule, growth, **how) for seed in range(100)) >= 90


@pytest.mark.parametrize("joule", JOULE)
def test_the_activation_energy_is_that_of_the_pack(joule):
    """The weather of half a year shows it to 3 kJ/mol, and leaves the growth to 8 points."""
    found = trend(3, joule=joule, growth=0.1)
    assert found.fitted
    assert found.activation_j.value == pytest.approx(joule, abs=3e3)
    assert found.activation_j.low < joule < found.activation_j.high
    assert found.growth.high - found.growth.low < 20
    assert found.last_ohm_at_25 == pytest.approx(0.077, rel=0.1)
    assert found.last_ohm_at_25 / found.first_ohm_at_25 == pytest.approx(1 + found.growth.value / 100)
    assert found.per_year.value == pytest.approx(found.growth.value * 365.25 / found.span_days)


def test_without_weather_the_interval_is_wide():
    """The season alone looks like ageing: the usual activation energy, and its uncertainty."""
    found = trend(1, joule=45e3, growth=0.0, weather_c=0.2)
    assert not found.fitted
    assert found.activation_j.low < 15e3
    assert found.activation_j.high > 45e3
    assert found.growth.high - found.growth.low > 100


def days(number, every, *, temp=20.0):
    return tuple(ResistanceOfDay(every * day, 0.07, 0.06, 20, temp) for day in range(number))


def of(found):
    return resistance_trend(Resistance(0.07, 0.06, 20 * len(found), sampling_ok=True, days=found))


def test_what_a_trend_needs():
    """Ten days with a temperature over half a year; without resistance its reason stands in its place."""
    assert of(days(10, 20)).growth.value == pytest.approx(0)
    for few in (days(9, 30), days(10, 19), days(20, 20, temp=None)):
        found = of(few)
        assert isinstance(found, InsufficientData)
        assert "needed are 10 over 180 days" in found.reason
    assert resistance_trend(InsufficientData("no current")) == InsufficientData("no current")


def test_days_of_like_pulses():
    """A source that was read every second, and since then every 5 s: its longer pulses are no growth."""
    fast = [ResistanceOfDay(4 * day, 0.07, 0.07, 20, 20.0 + day % 5, 1.0) for day in range(60)]
    slow = [replace(day, day=day.day + 240, ohm=0.075, pulse_s=5.0) for day in fast[:40]]
    found = of((*fast, *slow))
    assert (found.growth.value, len(found.days), found.span_days) == (pytest.approx(0), 60, 236)


def test_days_of_like_temperature():
    """A few days at -15 °C, where the law does not hold, do not count; the answer shows them."""
    warm = [ResistanceOfDay(4 * day, 0.07, 0.07, 20, 20.0 + day % 5) for day in range(60)]
    cold = [ResistanceOfDay(4 * day + 1, 0.5, 0.1, 20, -15.0) for day in (44, 45, 46)]
    found = of(tuple(sorted([*warm, *cold], key=lambda each: each.day)))
    assert (found.alike, len(found.days)) == (60, 63)
