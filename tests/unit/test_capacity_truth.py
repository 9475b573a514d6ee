"""The capacity of packs whose true one is known: within 1 %, each charge within 2 %."""

import numpy as np
import pytest

from shared.diagnostics.capacity import capacity
from shared.diagnostics.capacity_trend import capacity_trend
from shared.diagnostics.charge_windows import charge_windows
from shared.diagnostics.cleaning import clean
from shared.diagnostics.missing import InsufficientData, NotInProfile
from shared.diagnostics.sessions import cleaned_sessions
from shared.vehicle_profile import Profile
from tests.charged import PACKS, charged


def windows(readings, profile):
    trace = clean(readings).trace
    return charge_windows(trace, cleaned_sessions(trace, profile))


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize("step_s", [5.0, 10.0, 29.0, 61.0, 240.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_capacity_of_a_known_pack(name, step_s, seed):
    """At five rhythms: the median within 1 %, and each charge by 30 % or more of soc within 2 %."""
    pack = PACKS[name]
    found = windows(charged(pack, step_s=step_s, seed=seed), Profile(capacity_ah=pack.ah))
    large = [window.ah for window in found if window.rise >= 30]
    assert len(large) >= 6
    assert large == [pytest.approx(pack.shown_ah, rel=0.02)] * len(large)
    assert capacity(found).ah == pytest.approx(pack.shown_ah, rel=0.01)


@pytest.mark.parametrize("name", ["nmc", "whole percent", "bus"])
def test_short_charges_have_wider_error_bars(name):
    """Charges by 12 % of soc: the bars of 95 % hold the truth, and the mean of them has a narrow interval."""
    pack = PACKS[name]
    found = windows(charged(pack, 12, rise=12.0), Profile())
    assert len(found) == 12
    assert all(window.rise < 30 for window in found)
    assert isinstance(capacity(found), InsufficientData)
    held = [abs(window.ah - pack.ah) <= 1.96 * window.deviation_ah for window in found]
    assert np.mean(held) >= 0.95
    trend = capacity_trend(found, Profile(capacity_ah=1.25 * pack.ah))
    assert trend.newest.low < pack.ah < trend.newest.high
    assert trend.newest.high - trend.newest.low < 0.1 * pack.ah
    assert trend.soh.value == pytest.approx(80, rel=0.04)
    assert trend.soh.low < 80 < trend.soh.high


def test_the_trend_of_the_capacity():
    """A fall by 10 % in a year, a charge a week: in the interval of the trend, and the newest SoH follows."""
    pack = PACKS["nmc"]
    found = windows(charged(pack, 53, every_days=7.0, fade=0.1), Profile())
    trend = capacity_trend(found, Profile(capacity_ah=pack.ah))
    per_year = -0.1 * pack.ah / 52 / 7 * 365.25
    assert trend.slope.per_year.low < per_year < trend.slope.per_year.high
    assert trend.slope.per_year.value == pytest.approx(per_year, rel=0.1)
    assert (trend.slope.first_ah, trend.slope.last_ah) == pytest.approx((pack.ah, 0.9 * pack.ah), rel=0.01)
    assert (trend.slope.charges, trend.slope.span_days) == (53, 364)
    assert trend.soh.value == pytest.approx(90, abs=1)
    assert 3 <= trend.newest_n <= 5


def test_what_a_trend_of_the_capacity_needs():
    """Ten charges over half a year; a share of the nominal capacity needs the profile."""
    found = windows(charged(PACKS["nmc"], 9, every_days=30.0), Profile())
    trend = capacity_trend(found, Profile())
    assert trend.slope == InsufficientData("9 charges over 240 days; needed are 10 over 180 days")
    assert trend.soh == NotInProfile("the profile has no nominal capacity (capacity_ah)")
    assert len(trend.charges) == 9
    assert isinstance(capacity_trend([], Profile()), InsufficientData)
