import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.episodes import episodes
from shared.diagnostics.profile import Chemistry, Profile
from shared.diagnostics.rule import Code
from tests.judged import FULL, judged, made, seconds

CHARGING = {"pack_current": -20.0}
LFP = Profile(series_cells=100, chemistry=Chemistry.LFP, capacity_ah=60)

CASES = {
    # code: healthy, set, between, cleared; columns from the value; the profile
    Code.TEMP_HIGH: (30, 50, 45, 44.9, lambda v: {"max_temp": v}, FULL),
    Code.TEMP_HIGH_CHARGING: (30, 45, 40, 39.9, lambda v: {"max_temp": v, **CHARGING}, FULL),
    Code.COLD_CHARGING: (10, -0.1, 4.9, 5, lambda v: {"min_temp": v, "max_temp": v + 1, **CHARGING}, FULL),
    Code.TEMP_SPREAD: (1, 10, 8, 7.9, lambda v: {"max_temp": 30.3, "min_temp": 30.3 - v}, FULL),
    Code.SOC_LOW: (50, 20, 21.9, 22, lambda v: {"soc": v}, FULL),
    Code.PACK_OVERVOLT: (3.9, 4.26, 4.21, 4.20, lambda v: {"pack_voltage": 96 * v}, FULL),
    Code.PACK_UNDERVOLT: (3.9, 2.79, 2.94, 2.95, lambda v: {"pack_voltage": 96 * v}, FULL),
    Code.OVERCURRENT: (10, 301, 286, 285, lambda v: {"pack_current": v}, FULL),
}


@pytest.mark.parametrize("code", CASES)
@pytest.mark.parametrize("step", [1, 30])
def test_set_held_and_cleared(code, step):
    """Set by its set threshold, held between the two, cleared by its clear threshold, at 1 s and 30 s."""
    healthy, is_set, between, cleared, columns, profile = CASES[code]
    ts = np.arange(5, 2405, step)
    value = np.select([ts < 600, ts < 1200, ts < 1800], [healthy, is_set, between], cleared).astype(float)
    (episode,) = judged(made(ts, **columns(value)), code, profile)
    assert 0 <= seconds(episode.started_at) - 600 < step
    assert 0 <= seconds(episode.ended_at) - 1800 < step
    assert episode.samples == np.count_nonzero((ts >= 600) & (ts < 1800))
    assert episode.peak == pytest.approx(is_set)
    assert episode.readings[0] == episode.started_at
    assert len(episode.readings) <= 3


@pytest.mark.parametrize("code", CASES)
@pytest.mark.parametrize("step", [1, 30])
def test_noise_of_half_the_hysteresis(code, step):
    """Noise about the set threshold that stays within half the hysteresis makes at most one episode."""
    _, is_set, _, cleared, columns, profile = CASES[code]
    ts = np.arange(0, 7200, step)
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, len(ts)) * abs(is_set - cleared)
    assert len(judged(made(ts, **columns(is_set + noise)), code, profile)) <= 1


@pytest.mark.parametrize("code", CASES)
def test_one_reading_is_none(code):
    """Nor are two at 1 s where the rule wants more seconds than that; what lacks the signal says nothing."""
    healthy, is_set, between, _, columns, profile = CASES[code]
    value = np.full(600, float(healthy))
    value[300] = is_set
    assert not judged(made(np.arange(600), **columns(value)), code, profile)
    value[301:303] = np.nan
    value[303:304] = between
    assert not judged(made(np.arange(600), **columns(value)), code, profile)


def test_severity_is_the_worst_inside():
    """Up to critical and down again is one episode."""
    ts = np.arange(0, 3000, 10)
    temp = np.interp(ts, [0, 1000, 1500, 2000, 3000], [30, 55, 62, 50, 30])
    (episode,) = judged(made(ts, max_temp=temp, min_temp=temp), Code.TEMP_HIGH)
    assert (episode.severity, episode.threshold, episode.peak) == (Severity.CRITICAL, 60, 62)
    assert "62 °C" in episode.detail
    assert ">= 60 °C" in episode.detail


def test_active_at_the_end():
    """Not over: no end."""
    (episode,) = judged(made(np.arange(60), max_temp=55), Code.TEMP_HIGH)
    assert episode.ended_at is None


def test_missing_values_neither_set_nor_clear():
    """A hot pack whose temperature is missing for a while stays one episode."""
    temp = np.full(200, 55.0)
    temp[50:150] = np.nan
    (episode,) = judged(made(np.arange(200), max_temp=temp), Code.TEMP_HIGH)
    assert episode.samples == 100


@pytest.mark.parametrize(("after", "expected"), [(55, 1), (47, 1), (30, 1)])
def test_a_gap_ends_an_episode_unless_it_goes_on(after, expected):
    """Hot before and after 300 s of silence: one episode. Between set and clear after it: over before it."""
    ts = np.concatenate((np.arange(100), np.arange(100) + 399))
    temp = np.where(ts < 100, 55, after)
    found = judged(made(ts, max_temp=temp), Code.TEMP_HIGH)
    assert len(found) == expected
    assert seconds(found[0].ended_at) == (None if after == 55 else 99)


def test_charging_ends_the_episodes_of_charging():
    """Still cold, but unplugged and 300 s on: no cold charging any more. Braking is none."""
    ts = np.arange(0, 3000, 10)
    charge = np.where(ts < 1000, -20.0, 1.0)
    (episode,) = judged(made(ts, min_temp=-5, max_temp=-4, pack_current=charge), Code.COLD_CHARGING)
    assert seconds(episode.ended_at) == 1290
    moving = made(ts, min_temp=-5, max_temp=-4, pack_current=-20, odo_km=20_000 + ts / 100)
    assert not judged(moving, Code.COLD_CHARGING)


def test_thresholds_of_lfp():
    """3.75 V a cell is much for LFP and nothing for NMC."""
    hot = made(np.arange(60), pack_voltage=375)
    assert judged(hot, Code.PACK_OVERVOLT, LFP)
    assert not judged(hot, Code.PACK_OVERVOLT, Profile(series_cells=100, chemistry=Chemistry.NMC))


def test_skipped_with_the_reason():
    """What a rule lacks is named, of the profile and of the readings."""
    _, skipped = episodes(made(np.arange(60), soh=np.nan), Profile())
    said = {each.code: each.missing.reason for each in skipped}
    assert said == {
        Code.SOC_JUMP: "profile: capacity_ah is not known",
        Code.PACK_OVERVOLT: "profile: series_cells is not known",
        Code.PACK_UNDERVOLT: "profile: series_cells is not known",
        Code.OVERCURRENT: "profile: max_discharge_a or capacity_ah is not known",
        Code.SOH_LOW: "insufficient_data: no reading has soh",
    }


def test_overcurrent_in_the_direction_that_is_known():
    """A limit for charging alone judges charging, and says what it could not judge."""
    found, skipped = episodes(
        made(np.arange(60), pack_current=-150), Profile(max_charge_a=100), [Code.OVERCURRENT]
    )
    assert [(episode.peak, episode.threshold, episode.unit) for episode in found] == [(150, 100, "A")]
    assert [each.missing.reason for each in skipped] == [
        "profile: max_discharge_a or capacity_ah is not known"
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_readings(count):
    """Too few for anything: no episode and no error."""
    assert judged(made(np.arange(count))) == []
