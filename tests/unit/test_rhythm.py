"""The rhythm of a source: its usual interval, and what is a neighbour, a gap and a debounce by it."""

import numpy as np
import pytest

from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import alerts
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rhythm import gaps, longest_silences, near, usual_intervals
from shared.diagnostics.rule import Code
from shared.vehicle_profile import Chemistry, Profile
from tests.judged import HEALTHY, made, seconds
from tests.rhythms import RHYTHMS, times, variants

PROFILE = Profile(series_cells=96, chemistry=Chemistry.NMC, capacity_ah=60, max_charge_a=100)


@pytest.mark.parametrize("step", RHYTHMS)
def test_a_rhythm_has_no_gaps(step):
    """At any interval neighbours are near, also with one reading missing; a silence beyond 2.5 h never is."""
    ts = times(step, 40, jitter=0.05)
    assert near(ts).all()
    assert not gaps(ts).any()
    missing = np.delete(ts, 20)
    assert near(missing).all()
    assert not gaps(missing).any()
    silent = np.where(np.arange(40) < 20, ts, ts + 9_001)
    assert np.flatnonzero(gaps(silent)).tolist() == [19]
    assert np.flatnonzero(~near(silent)).tolist() == [19]


def test_the_floors_of_fast_sources():
    """60 s and 300 s as ever, for a source of 10 s; and where there are too few readings for a rhythm."""
    for ts in (np.arange(0, 200, 10.0), np.arange(0, 30, 10.0)):
        for silence, is_near, is_gap in ((60, True, False), (60.1, False, False), (300, False, True)):
            silent = np.append(ts, ts[-1] + silence)
            assert (near(silent)[-1], gaps(silent)[-1]) == (is_near, is_gap)


def test_each_stretch_has_its_own_rhythm():
    """Every 10 s on the road, hourly when parked: neither is a gap; a dropout on the road is one."""
    road, parked = np.arange(0, 1_000, 10.0), 4_590 + 3_600.0 * np.arange(12)
    assert not gaps(np.concatenate((road, parked))).any()
    dropout = np.concatenate((road, road + 1_600, 2_600 + parked))
    assert np.flatnonzero(gaps(dropout)).tolist() == [99]
    usual = usual_intervals(dropout, np.arange(len(dropout) - 1))
    assert (usual[0], usual[99], usual[-1]) == (10, 10, 3_600)


def test_limits_grow_without_a_step():
    """The longest silence never jumps: a change of the interval by 1 % changes it by at most 1 %."""
    steps = np.geomspace(0.1, 3_600, 1_060)
    limits = [float(longest_silences(times(step, 9), np.array([4]), 60)[0]) for step in steps]
    assert (np.diff(np.log(limits)) <= np.diff(np.log(steps)) + 1e-3).all()
    assert (np.diff(limits) >= 0).all()


def test_the_end_of_a_signal():
    """The silence up to the vehicle's last reading is judged by the signal's last rhythm."""
    ts = times(600, 10)
    assert not gaps(ts, ts[-1] + 1_500)[-1]
    assert gaps(ts, ts[-1] + 1_501)[-1]
    assert gaps(ts[:1], ts[0] + 300)[-1]


def judged(trace, code, profile=PROFILE):
    """Return the episodes of one code; no other rule is evaluated."""
    return episodes(trace, profile, [code])[0]


HOT = {
    Code.TEMP_HIGH: {"max_temp": 65.0},
    Code.TEMP_SPREAD: {"max_temp": 40.0, "min_temp": 25.0},
    Code.SOC_LOW: {"soc": 3.0},
    Code.PACK_OVERVOLT: {"pack_voltage": 96 * 4.4},
    Code.PACK_UNDERVOLT: {"pack_voltage": 96 * 2.5},
    Code.OVERCURRENT: {"pack_current": 400.0},
    Code.TEMP_HIGH_CHARGING: {"max_temp": 47.0, "pack_current": -20.0},
    Code.COLD_CHARGING: {"min_temp": -5.0, "max_temp": -4.0, "pack_current": -20.0},
}
STORIES = [(*variant, 5) for step in (300, 600) for variant in variants(step)]


@pytest.mark.parametrize("code", HOT)
@pytest.mark.parametrize(("step", "jitter", "first", "count"), STORIES)
def test_five_slow_readings_are_an_episode(code, step, jitter, first, count):
    """Five readings of a fault, every five or ten minutes: one episode, active to the last of them."""
    ts = times(step, count, jitter=jitter, first=first)
    (episode,) = judged(made(ts, **HOT[code]), code)
    assert episode.started_at.timestamp() == pytest.approx(made(ts).ts[0], abs=1e-5)
    assert (episode.ended_at, episode.samples) == (None, count)


@pytest.mark.parametrize("code", [Code.TEMP_HIGH, Code.TEMP_SPREAD, Code.SOC_LOW])
@pytest.mark.parametrize(("step", "jitter", "first", "count"), STORIES)
def test_episodes_and_alerts_of_the_newest_reading_agree(code, step, jitter, first, count):
    """The same code and severity, at any rhythm."""
    readings = made(times(step, count, jitter=jitter, first=first), **HOT[code])
    newest = {name: float(getattr(readings, name)[-1]) for name in HEALTHY}
    (alert,) = (each for each in alerts(newest, AlertThresholds()) if each.code == code)
    (episode,) = judged(readings, code)
    assert (episode.severity, episode.ended_at) == (alert.severity, None)


@pytest.mark.parametrize("code", HOT)
@pytest.mark.parametrize("step", RHYTHMS)
def test_a_debounced_rule_fires_and_ends_at_each_rhythm(code, step):
    """Healthy, at fault for 30 readings or a quarter of an hour, healthy again: one episode of that time."""
    part = max(30, round(900 / step))
    ts = times(step, 3 * part, jitter=0.05)
    inside = (np.arange(3 * part) >= part) & (np.arange(3 * part) < 2 * part)
    columns = {name: np.where(inside, value, HEALTHY[name]) for name, value in HOT[code].items()}
    (episode,) = judged(made(ts, **columns), code)
    assert seconds(episode.started_at) == pytest.approx(ts[part], abs=1e-5)
    assert seconds(episode.ended_at) <= ts[2 * part] + max(300, step)


@pytest.mark.parametrize("step", RHYTHMS)
def test_one_reading_is_no_episode_at_any_rhythm(step):
    """One odd reading stays one, jittered too."""
    for code in (Code.TEMP_HIGH, Code.TEMP_SPREAD, Code.SOC_LOW, Code.PACK_OVERVOLT, Code.OVERCURRENT):
        columns = {
            name: np.where(np.arange(60) == 30, value, HEALTHY[name]) for name, value in HOT[code].items()
        }
        assert not judged(made(times(step, 60, jitter=0.05), **columns), code)


@pytest.mark.parametrize("step", RHYTHMS)
def test_other_debounced_rules_at_each_rhythm(step):
    """An odometer that went back, a clock ahead, a voltage that stands still, a rise of 8 °C a minute."""
    ts = times(step, 60, jitter=0.05)
    number = np.arange(60)
    back = np.where((number >= 20) & (number < 40), 19_500.0, 20_000.0)
    assert len(judged(made(ts, odo_km=back), Code.ODO_ROLLBACK)) == 1
    ahead = np.where((number >= 20) & (number < 40), -60.0, 0.2)
    assert len(judged(made(ts, delay=ahead), Code.CLOCK_SKEW)) == 1
    way = 20_000 + (ts / 100).round(1)
    stuck = {
        "pack_current": 60 * np.sin(number),
        "pack_voltage": np.where(number < 20, 370 - number / 10, 380),
    }
    assert len(judged(made(ts, odo_km=way, **stuck), Code.STUCK_SENSOR)) == 1
    long = times(step, max(60, round(600 / step)), jitter=0.05)
    rising = np.clip((long - long[len(long) // 2]) / 60 * 8, 0, 8 * max(4, 3 * step / 60)).round(1)
    assert len(judged(made(long, max_temp=20 + rising, min_temp=20), Code.TEMP_RISE)) == 1
