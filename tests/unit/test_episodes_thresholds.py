import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.episode import Skipped
from shared.diagnostics.episodes import episodes
from shared.diagnostics.missing import InsufficientData, NotInProfile
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import moment
from shared.vehicle_profile import Chemistry, Profile
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
    """Nor are two at 1 s where the rule needs more seconds; readings without the signal don't count."""
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
    """3.75 V a cell is an overvoltage for LFP and normal for NMC."""
    hot = made(np.arange(60), pack_voltage=375)
    assert judged(hot, Code.PACK_OVERVOLT, LFP)
    assert not judged(hot, Code.PACK_OVERVOLT, Profile(series_cells=100, chemistry=Chemistry.NMC))


def test_no_voltage_is_no_undervoltage():
    """0 V, or less than 0.5 V a cell, is an absent sensor, and ends no undervoltage; 0.5 V a cell is one."""
    ts = np.arange(100)
    for absent in (0.0, 47.9):
        assert not judged(made(ts, pack_voltage=absent), Code.PACK_UNDERVOLT)
    assert judged(made(ts, pack_voltage=48), Code.PACK_UNDERVOLT)
    low = np.where((ts >= 40) & (ts < 60), 0.0, 250.0)
    (episode,) = judged(made(ts, pack_voltage=low), Code.PACK_UNDERVOLT)
    assert (episode.samples, episode.peak) == (80, pytest.approx(250 / 96, abs=1e-6))


NO_LIMIT = (
    "the profile has neither largest discharge current (max_discharge_a) nor nominal capacity (capacity_ah)"
)


def test_skipped_with_the_reason():
    """The reason names the missing fields of the profile and the missing signals."""
    _, skipped = episodes(made(np.arange(60), soh=np.nan), Profile())
    assert {each.code: each.missing for each in skipped} == {
        Code.SOC_JUMP: NotInProfile("the profile has no nominal capacity (capacity_ah)"),
        Code.SOC_RECALIBRATED: NotInProfile("the profile has no nominal capacity (capacity_ah)"),
        Code.PACK_OVERVOLT: NotInProfile("the profile has no number of cells in series (series_cells)"),
        Code.PACK_UNDERVOLT: NotInProfile("the profile has no number of cells in series (series_cells)"),
        Code.OVERCURRENT: NotInProfile(NO_LIMIT),
        Code.SOH_LOW: InsufficientData("no reading has soh"),
        Code.SENSOR_OFFSET: NotInProfile("the profile has no nominal capacity (capacity_ah)"),
    }
    assert {each.missing.status for each in skipped} == {"skipped", "insufficient_data"}


def test_overcurrent_in_the_direction_that_is_known():
    """With a limit for charging alone, discharging is listed as skipped."""
    found, skipped = episodes(
        made(np.arange(60), pack_current=-150), Profile(max_charge_a=100), [Code.OVERCURRENT]
    )
    assert [(episode.peak, episode.threshold, episode.unit) for episode in found] == [(150, 100, "A")]
    assert [each.missing.reason for each in skipped] == [NO_LIMIT]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_readings(count):
    """Too few for anything: no episode and no error."""
    assert judged(made(np.arange(count))) == []


def test_a_debounce_is_met_within_one_stretch():
    """One hot reading before three silent days and one after them are two single readings."""
    hot = np.array([30, 30, 51, 51, 30, 30])
    apart = np.array([0, 10, 20, 259_220, 259_230, 259_240])
    assert not judged(made(apart, max_temp=hot), Code.TEMP_HIGH)
    hot = np.array([30, 51, 51, 51, 30, 30])
    (episode,) = judged(made(apart, max_temp=hot), Code.TEMP_HIGH)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (10, 259_230)
    hot = np.array([30, 30, 51, 51, 51, 30])
    (episode,) = judged(made(apart, max_temp=hot), Code.TEMP_HIGH)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (259_220, 259_240)


@pytest.mark.parametrize(("silent", "ended"), [(290, None), (300, 99), (2_592_000, 99)])
@pytest.mark.parametrize("code", [Code.TEMP_HIGH, Code.OVERCURRENT, Code.SOC_LOW])
def test_a_signal_that_falls_silent_ends_its_episode(code, silent, ended):
    """Other signals go on: 300 s after its last value the episode is no longer active."""
    _, is_set, _, _, columns, profile = CASES[code]
    ts = np.append(np.arange(100), np.arange(109, 100 + silent, 10)[:1000])
    ts[-1] = 99 + silent
    value = np.where(ts < 100, is_set, np.nan)
    (episode,) = judged(made(ts, **columns(value)), code, profile)
    assert seconds(episode.ended_at) == ended


def test_no_more_than_10_000_episodes_of_a_code():
    """The first ones, and a sentence with the start of the others; 10,000 are not too many."""
    ts = 10 * np.arange(20_004)
    trace = made(ts, delay=np.where(ts // 10 % 2, 200.0, 0.0), odo_km=np.where(ts // 10 % 2, 0, 500))
    found, skipped = episodes(trace, FULL, [Code.LATE_DATA, Code.SOC_LOW])
    assert len(found) == 10_000
    assert seconds(found[-1].started_at) == 199_990
    begin = moment(trace.ts[20_001]).isoformat().replace("+00:00", "Z")
    assert skipped == [
        Skipped(
            Code.LATE_DATA,
            InsufficientData(f"only the first 10,000 episodes are given, those before {begin}"),
        )
    ]
    assert "2026-" in begin
    found, skipped = episodes(trace.between(0, trace.ts[19_999]), FULL, [Code.LATE_DATA])
    assert (len(found), skipped) == (10_000, [])


def test_both_directions_of_overcurrent_come_in_order():
    """Discharging and charging by turns."""
    ts = np.arange(0, 3000, 10)
    current = np.select([ts % 300 < 100, ts % 300 < 200], [400.0, -400.0], 0)
    limits = Profile(max_discharge_a=300, max_charge_a=150)
    found = judged(made(ts, pack_current=current, odo_km=20_000 + ts / 100), Code.OVERCURRENT, limits)
    assert [seconds(each.started_at) for each in found] == sorted(
        [*range(0, 3000, 300), *range(100, 3000, 300)]
    )


def test_a_glitch_is_no_empty_battery():
    """Five seconds of 0 % are a jump and no low soc; a battery that stays at 0 % is low."""
    ts = np.arange(0, 600)
    for lasts, codes in ((5, {Code.SOC_JUMP}), (120, {Code.SOC_JUMP, Code.SOC_LOW})):
        soc = np.where((ts >= 300) & (ts < 300 + lasts), 0.0, 60.0)
        assert {each.code for each in judged(made(ts, soc=soc))} == codes
