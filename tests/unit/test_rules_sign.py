"""The sign of the current: suspected from driving and from charging, acquitted by soc and by the voltage."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from shared.diagnostics.rule import Code
from shared.vehicle_profile import Profile
from tests.battery_model import DAY, day
from tests.judged import FULL, judged
from tests.rhythms import RHYTHMS, times
from tests.variants import told, ways

NOTHING = Profile()
PROFILES = pytest.mark.parametrize("profile", [NOTHING, FULL], ids=["no profile", "profile"])


lived = cache(day)


def suspects(readings, profile=NOTHING):
    return judged(readings, Code.SIGN_SUSPECT, profile)


@ways([30, 1, 10, 120])
@PROFILES
def test_a_charge_with_the_other_sign(step, how, profile):
    """+40 A at 370 V while soc rises by 0.1 % each 30 s, 300 rows."""
    count = round(9_000 / step)
    soc = (20 + step / 300 * np.arange(count)).round(1)
    readings = told(step * np.arange(count), soc=soc, pack_current=40, pack_voltage=370, odo_km=12_000, **how)
    (episode,) = suspects(readings, profile)
    assert (episode.unit, episode.peak) == ("Ah", pytest.approx(-40 * 9_000 / 3_600, rel=0.03))
    assert "against" in episode.detail
    assert not suspects(replace(readings, pack_current=-readings.pack_current), profile)


@pytest.mark.parametrize("step", RHYTHMS)
def test_a_day_with_the_other_sign_at_each_rhythm(step):
    """Found by its charge at each rhythm, where driving alone says nothing any more."""
    readings = lived(1).read(times(step, int(DAY / step) - 1, jitter=0.05, first=step))
    flipped = replace(readings, pack_current=-readings.pack_current)
    assert len(suspects(flipped, FULL)) == 1
    assert not suspects(readings, FULL)
    assert not suspects(readings)


def driven(step, how, current, *, soc=60.0, volts=370.0, km_h=60.0, hours=0.5):
    """Return a drive with this current."""
    seconds = np.arange(0, hours * 3600, step, float)
    odo = 20_000 + (seconds / 3600 * km_h).round(1)
    return told(seconds, soc=soc, pack_current=current, pack_voltage=volts, odo_km=odo, **how)


@ways([10, 1, 30, 60])
@PROFILES
@pytest.mark.parametrize("kw", [20.0, 8.0], ids=["range extender", "descent or tow"])
def test_soc_that_follows_the_current_acquits(step, how, profile, kw):
    """30 km on which the battery is charged and soc rises by as much: the sign is right."""
    count = len(np.arange(0, 1800, step))
    soc = 40 + kw / 22 * 100 * step * np.arange(count) / 3600
    readings = driven(step, how, -kw * 1000 / 370, soc=(2 * soc).round() / 2)
    assert not suspects(readings, profile)
    standing = replace(readings, soc=np.full(count, 40.0))
    assert len(suspects(standing, profile)) == 1


@ways([10, 1, 30, 60])
def test_a_voltage_that_falls_with_the_current_acquits(step, how):
    """30 km downhill, without a change of soc: by -dV/dI of 70 mOhm, and more energy in than out."""
    count = len(np.arange(0, 1800, step))
    current = -25 + 20 * np.random.default_rng(3).normal(0, 1, count)
    volts = (380 - 0.07 * current).round(1)
    readings = driven(step, how, current, volts=volts)
    assert not suspects(readings)
    assert len(suspects(replace(readings, pack_voltage=(380 + 0.07 * current).round(1)))) == 1


@ways([60, 10, 300, 900])
def test_corrections_of_soc_are_no_other_sign(step, how):
    """Parked with 1 A, soc corrected upward by 6 % in steps of 1.5 %; and in one step of 6 %."""
    for steps in ([10, 20, 30, 40], [20, 20, 20, 20]):
        soc = 60 + 1.5 * np.searchsorted(steps, np.arange(60), "right")
        readings = told(step * np.arange(60), soc=soc, pack_current=1.0, pack_voltage=370, odo_km=500, **how)
        assert not suspects(readings, FULL)
        assert not suspects(readings)


@ways([60, 10, 30, 300])
def test_energy_to_the_grid_is_no_other_sign(step, how):
    """18 A out for two hours, parked, soc falls."""
    seconds = np.arange(0, 7200, step, float)
    readings = told(
        seconds, soc=(80 - seconds / 7200 * 60).round(1), pack_current=18, pack_voltage=370, odo_km=9, **how
    )
    assert not suspects(readings)
