"""The trend of soh: Theil-Sen as in SciPy, known slopes with noise, and cases without a result."""

import warnings
from datetime import date
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.simulator.ageing import health
from shared.diagnostics.ageing import ageing
from shared.diagnostics.durability import durability
from shared.diagnostics.missing import InsufficientData, NotInProfile
from shared.diagnostics.theil_sen import theil_sen
from shared.vehicle_profile import Profile
from tests.traces import DAY_S, START_S, trace


@pytest.fixture(scope="module")
def theilslopes():
    """Import SciPy's estimator; only in the process that runs these tests, as the import takes a second."""
    return import_module("scipy.stats").theilslopes


def ageing_trace(days, slope=-2.0, soh=95.0, km_a_day=40.0, **signals):
    """Return a trace with a reading at noon each day; soh falls by `slope` a year."""
    day = np.arange(days)
    usual = {"soh": soh + slope * day / 365.25, "odo_km": 10_000 + km_a_day * day}
    return trace((day + 0.5) * DAY_S, **{**usual, **signals})


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(-20, 20)), min_size=2, max_size=60).map(sorted),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_theil_sen_is_scipys(theilslopes, points, confidence):
    """Slope and interval, with ties in both directions."""
    x, y = np.array(points, float).T
    found = theil_sen(x, y / 10, confidence)
    if len(set(x)) == 1:
        assert found is None
        return
    with warnings.catch_warnings():
        # All values tied: the variance is below zero, and SciPy gives no interval.
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = theilslopes(y / 10, x, confidence)
    assert found.slope == pytest.approx(expected.slope)
    if not np.isnan(expected.low_slope):
        assert (found.low, found.high) == pytest.approx((expected.low_slope, expected.high_slope))
    assert found.y_median - found.slope * found.x_median == pytest.approx(expected.intercept)


def test_theil_sen_of_years_of_days_is_scipys(theilslopes):
    """2,000 days with noise, and some of them missing."""
    rng = np.random.default_rng(5)
    x = np.sort(rng.choice(2_500, 2_000, replace=False)).astype(float)
    y = 95 - x / 200 + rng.normal(0, 0.5, len(x))
    expected, found = theilslopes(y, x), theil_sen(x, y)
    assert (found.slope, found.low, found.high) == (expected.slope, expected.low_slope, expected.high_slope)


def test_theil_sen_of_more_is_thinned():
    """Twenty years of days: merged to at most 2,000 medians, the slope is hardly another one."""
    rng = np.random.default_rng(6)
    x = np.arange(7_300.0)
    found = theil_sen(x, 100 - x / 300 + rng.normal(0, 0.5, len(x)))
    assert found.low < -1 / 300 < found.high
    assert found.slope == pytest.approx(-1 / 300, rel=0.01)


def test_a_steady_fall():
    """2 % a year from 95 %: 80 % after seven and a half years, 70 % after twelve and a half."""
    found = ageing(ageing_trace(400))
    assert found.per_year.value == pytest.approx(-2)
    assert found.per_10000_km.value == pytest.approx(-2 / (0.004 * 365.25))
    assert (found.days, found.span_days) == (400, 399)
    assert found.soh == pytest.approx(95 - 2 * 399 / 365.25)
    first, second = found.milestones
    begin = date.fromordinal(date(1970, 1, 1).toordinal() + int(START_S // DAY_S))
    assert (first.soh, second.soh) == (80, 70)
    assert first.likely.toordinal() - begin.toordinal() == pytest.approx(7.5 * 365.25, abs=2)
    assert second.likely.toordinal() - begin.toordinal() == pytest.approx(12.5 * 365.25, abs=2)
    assert first.earliest <= first.likely <= first.latest


def test_an_interval_up_to_a_rise_has_no_latest_date():
    """So flat that it may as well not fall at all: never by the flattest slope."""
    rng = np.random.default_rng(1)
    found = ageing(ageing_trace(200, slope=-0.05, soh=95 + rng.normal(0, 1, 200) - np.arange(200) * 1e-3))
    assert found.per_year.high > 0
    assert found.milestones[0].latest is None
    assert found.milestones[0].earliest < found.milestones[0].likely


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (trace([]), "0 days"),
        (ageing_trace(180), "180 days with a soh over 179 days"),
        (ageing_trace(1), "1 day with a soh over 0 days"),
        (ageing_trace(29, soh=np.linspace(95, 90, 29)), "29 days with a soh"),
        (ageing_trace(400, slope=1.0), "no fall of soh can be seen"),
        (ageing_trace(400, slope=0.0), "no fall of soh can be seen"),
        (ageing_trace(400, soh=np.nan), "0 days"),
    ],
)
def test_nothing_is_said_without_enough(readings, reason):
    """30 days, 180 days of span and a fall are needed; the reason names the missing one."""
    found = ageing(readings)
    assert isinstance(found, InsufficientData)
    assert reason in found.reason


def test_30_days_over_180_are_enough():
    """Thirty days far apart."""
    day = np.linspace(0, 180, 30).round()
    assert ageing(trace(day * DAY_S, soh=95 - day / 100)).days == 30


@pytest.mark.parametrize("odo", [np.nan, 0, 5_000])
def test_without_a_way_there_is_no_slope_per_way(odo):
    """No odometer, or a parked car: the rest of the trend is there."""
    found = ageing(ageing_trace(400, odo_km=odo))
    assert found.per_year.value == pytest.approx(-2)
    assert isinstance(found.per_10000_km, InsufficientData)


def test_one_odd_day_and_many_odd_readings_change_nothing():
    """The median of a day and of the slopes: robust against both."""
    readings = ageing_trace(400)
    readings.soh[200] = 0
    assert ageing(readings).per_year.value == pytest.approx(-2, abs=0.01)


SEEDS = pytest.mark.parametrize("seeds", [40, pytest.param(100, marks=pytest.mark.nightly)])
"""Seeds of a daily run, of which a nightly one has more."""


@SEEDS
def test_known_slope_lies_in_the_interval(seeds):
    """A steady fall under noise, soh to 0.1 %, five readings a day: in at least 90 % of the seeds."""
    truth = 95 - 1.8 * HOURS / 24 / 365.25
    assert sum(within(seed, truth, -1.8) for seed in range(seeds)) >= 0.9 * seeds


@SEEDS
def test_a_simulated_packs_slope_lies_in_the_interval(seeds):
    """The simulator's own curve over two years, its mean slope: in at least 90 % of the seeds."""
    mean = (soh_of(730) - soh_of(0)) / 730 * 365.25
    truth = np.array([soh_of(hour / 24) for hour in HOURS])
    assert sum(within(seed, truth, mean) for seed in range(seeds)) >= 0.9 * seeds


@SEEDS
def test_a_drift_of_weeks_is_not_taken_for_independent_days(seeds):
    """Noise that holds for a month: the interval still holds the truth in at least 85 % of the seeds."""
    held = widened = 0
    for seed in range(seeds):
        rng, days, drift = np.random.default_rng(seed), 730, [0.0]
        for _ in range(days - 1):
            drift.append(drift[-1] * np.exp(-1 / 33) + rng.normal(0, 0.15))
        soh = 95 - 1.8 * np.arange(days) / 365.25 + np.array(drift)
        found = ageing(trace(np.arange(days) * DAY_S, soh=soh))
        if isinstance(found, InsufficientData):
            continue
        held += found.per_year.low <= -1.8 <= found.per_year.high
        widened += 1
    assert held >= 0.85 * widened > 0.6 * seeds


@pytest.mark.parametrize(("start", "passed"), [(95.0, False), (76.0, True)])
def test_milestones_are_in_order(start, passed):
    """Before a level and past it: earliest, likely, latest, and which of the two it is."""
    rng = np.random.default_rng(3)
    soh = start - 3 * np.arange(400) / 365.25 + rng.normal(0, 0.3, 400)
    first, second = ageing(trace(np.arange(400) * DAY_S, soh=soh)).milestones
    assert (first.passed, second.passed) == (passed, False)
    assert first.earliest < first.likely < first.latest
    assert second.earliest < second.likely < second.latest


HOURS = np.arange(0, 730 * 24, 24 / 5)
"""Two years, five readings a day."""


def soh_of(day):
    age = 3 * 365.25 + day
    return health(age, age * 0.2)


def within(seed, truth, slope):
    """Return whether the interval holds the true slope, on two years of noisy readings of the true soh."""
    rng = np.random.default_rng(seed)
    soh = truth + rng.normal(0, 0.6, len(HOURS))
    found = ageing(trace(HOURS * 3600, soh=np.round(soh, 1)))
    return found.per_year.low <= slope <= found.per_year.high


@pytest.mark.parametrize(
    ("used_days", "km", "soh", "expected"),
    [
        (
            1000,
            50_000,
            80.0,
            [("UN GTR 22", 80, "not below the reference"), ("Euro 7", 80, "not below the reference")],
        ),
        (
            1000,
            50_000,
            79.9,
            [("UN GTR 22", 80, "below the reference"), ("Euro 7", 80, "below the reference")],
        ),
        (
            2000,
            50_000,
            71.0,
            [("UN GTR 22", 70, "not below the reference"), ("Euro 7", 72, "below the reference")],
        ),
        (
            1000,
            100_001,
            71.0,
            [("UN GTR 22", 70, "not below the reference"), ("Euro 7", 72, "below the reference")],
        ),
    ],
)
def test_durability_reference(used_days, km, soh, expected):
    """80 % to 5 years and 100,000 km; then 70 % or 72 % to 8 years and 160,000 km."""
    first_use = date.fromordinal(date(1970, 1, 1).toordinal() + int(START_S // DAY_S) - used_days)
    found = durability(trace([0], soh=soh, odo_km=km), Profile(first_use_date=first_use))
    assert [(each.regulation, each.reference, each.finding) for each in found] == expected


@pytest.mark.parametrize(
    ("first_use", "signals", "expected"),
    [
        (
            None,
            {"soh": 90, "odo_km": 5},
            NotInProfile("the profile has no date of first use (first_use_date)"),
        ),
        (date(2024, 1, 1), {"soh": 90}, InsufficientData("no reading has odo_km")),
        (date(2024, 1, 1), {"odo_km": 5}, InsufficientData("no reading has soh")),
        (
            date(2099, 1, 1),
            {"soh": 90, "odo_km": 5},
            NotInProfile("the profile's date of first use (first_use_date) is after the last reading"),
        ),
        (
            date(2015, 1, 1),
            {"soh": 90, "odo_km": 5},
            InsufficientData("past 8 years or 160,000 km no reference applies"),
        ),
    ],
)
def test_durability_reference_that_can_not_be_given(first_use, signals, expected):
    """Each case with its reason."""
    assert durability(trace([0], **signals), Profile(first_use_date=first_use)) == expected
