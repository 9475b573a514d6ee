import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.rule import Code
from tests.judged import judged, made, seconds

STEPS = pytest.mark.parametrize("step", [1, 10, 30])


def rounded(ts, knots, values):
    return np.interp(ts, knots, values).round(1)


@STEPS
def test_temp_rise(step):
    """8 °C a minute for three minutes fires once, and ends when it slows down."""
    ts = np.arange(0, 1800, step)
    temp = rounded(ts, [600, 780, 1800], [20, 44, 44])
    (episode,) = judged(made(ts, max_temp=temp, min_temp=temp), Code.TEMP_RISE)
    assert 600 < seconds(episode.started_at) <= 690
    assert 780 <= seconds(episode.ended_at) <= 840
    assert episode.peak == pytest.approx(8, abs=0.3)


@STEPS
@pytest.mark.parametrize("spike", [40, -40])
def test_a_spike_is_no_rise(step, spike):
    """One reading of a broken sensor, up or down, is neither a rise nor an event."""
    ts = np.arange(0, 1800, step)
    temp = 20 + np.random.default_rng(1).normal(0, 0.1, len(ts)).round(1)
    temp[len(ts) // 2] += spike
    assert not judged(made(ts, max_temp=temp, min_temp=np.nan))


@STEPS
def test_thermal_event(step):
    """1.5 °C/s past 60 °C: critical, and active for good."""
    ts = np.arange(0, 1800, step)
    temp = rounded(ts, [600, 720, 1800], [25, 205, 40])
    (episode,) = judged(made(ts, max_temp=temp), Code.THERMAL_EVENT)
    assert (episode.severity, episode.ended_at) == (Severity.CRITICAL, None)
    assert abs(seconds(episode.started_at) - 600) <= step
    assert episode.peak == pytest.approx(1.5, abs=0.11)


def test_thermal_event_by_voltage_and_not_otherwise():
    """Below 60 °C a voltage that lost over 25 % tells; the rise alone, or for 3 s only, does not."""
    ts = np.arange(600)
    temp = rounded(ts, [300, 315], [20, 42.5])
    fallen = np.where(ts < 305, 370.0, 270.0)
    assert not judged(made(ts, max_temp=temp), Code.THERMAL_EVENT)
    assert judged(made(ts, max_temp=temp, pack_voltage=fallen), Code.THERMAL_EVENT)
    short = rounded(ts, [300, 303], [57, 63])
    assert not judged(made(ts, max_temp=short), Code.THERMAL_EVENT)


@STEPS
def test_soc_jump(step):
    """A glitch to 0 and back is one episode of two readings; what the current explains is none."""
    ts = np.arange(0, 1800, step)
    soc = np.full(len(ts), 60.0)
    soc[20] = 0
    (episode,) = judged(made(ts, soc=soc), Code.SOC_JUMP)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (20 * step, 21 * step)
    assert (episode.peak, episode.window_s) == (-60, step)
    falling = 90 - 60 * ts / 1800
    assert not judged(made(ts, soc=falling, pack_current=72), Code.SOC_JUMP)


def test_soc_step_that_current_explains():
    """6 % in a minute at 6C is what flowed; at rest it is a jump; without a known current nothing is said."""
    ts = np.arange(0, 300, 60)
    soc = np.array([60, 60, 54, 54, 54])
    assert not judged(made(ts, soc=soc, pack_current=216), Code.SOC_JUMP)
    assert judged(made(ts, soc=soc, pack_current=-216), Code.SOC_JUMP)
    current = np.array([1, np.nan, np.nan, np.nan, np.nan])
    assert not judged(made(np.arange(0, 600, 120), soc=soc, pack_current=current), Code.SOC_JUMP)


@STEPS
def test_odometer(step):
    """Zero, back and ahead: each its own code, over when the odometer is back."""
    ts = np.arange(0, 3600, step)
    way = 20_000 + ts / 100
    inside = (ts >= 1200) & (ts < 1500)
    (zero,) = judged(made(ts, odo_km=np.where(inside, 0, way)))
    assert (zero.code, seconds(zero.started_at), seconds(zero.ended_at)) == (Code.ODO_ZERO, 1200, 1500)
    (back,) = judged(made(ts, odo_km=np.where(inside, way - 500, way)))
    assert (back.code, seconds(back.started_at), seconds(back.ended_at)) == (Code.ODO_ROLLBACK, 1200, 1500)
    assert back.peak == pytest.approx(-500, abs=0.5)
    (ahead,) = judged(made(ts, odo_km=np.where(ts >= 1200, way + 500, way)))
    assert (ahead.code, seconds(ahead.started_at), seconds(ahead.ended_at)) == (Code.ODO_JUMP, 1200, 1200)


def test_one_reading_ahead_is_a_jump_but_no_rollback():
    """A single nonsense value must not make all that follow wrong."""
    ts = np.arange(0, 600, 10)
    odo = np.full(60, 20_000.0)
    odo[30] = 999_999
    assert [episode.code for episode in judged(made(ts, odo_km=odo))] == [Code.ODO_JUMP]


def test_odometer_jump_over_a_gap():
    """After an hour 200 km are a drive, 300 km are not."""
    ts = [0, 3600]
    assert not judged(made(ts, odo_km=[20_000, 20_200]), Code.ODO_JUMP)
    assert judged(made(ts, odo_km=[20_000, 20_300]), Code.ODO_JUMP)


@STEPS
def test_stuck_sensor(step):
    """V stands still while I swings; it may stand still with the current."""
    ts = np.arange(0, 1800, step)
    current = 30 * np.sin(ts / 50)
    voltage = (370 - 0.1 * current).round(1)
    inside = (ts >= 600) & (ts < 900)
    stuck = made(
        ts, pack_current=current, pack_voltage=np.where(inside, 391.0, voltage), odo_km=20_000 + ts / 100
    )
    (episode,) = judged(stuck, Code.STUCK_SENSOR)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (600, 900)
    assert not judged(made(ts), Code.STUCK_SENSOR)


def test_data_gap():
    """61 s of silence on the road or at a charger; not in the garage."""
    ts = np.concatenate((np.arange(300), np.arange(300) + 400))
    assert not judged(made(ts))
    (driving,) = judged(made(ts, odo_km=20_000 + ts / 100, pack_current=20), Code.DATA_GAP)
    assert (driving.peak, seconds(driving.started_at), seconds(driving.ended_at)) == (101, 299, 400)
    (charging,) = judged(made(ts, pack_current=-20), Code.DATA_GAP)
    assert "while charging" in charging.detail


def test_clocks():
    """Late from over 180 s on; ahead from over 30 s on in 3 of 5 readings."""
    ts = np.arange(0, 600, 10)
    late = np.where((ts >= 200) & (ts < 300), 181.0, 180.0)
    (episode,) = judged(made(ts, delay=late))
    assert (episode.code, seconds(episode.started_at), seconds(episode.ended_at)) == (
        Code.LATE_DATA,
        200,
        300,
    )
    ahead = np.full(60, 1.0)
    ahead[[20, 21]] = ahead[40] = -31
    assert not judged(made(ts, delay=ahead))
    ahead[24] = -40
    (episode,) = judged(made(ts, delay=ahead))
    assert (episode.code, episode.samples, episode.peak) == (Code.CLOCK_SKEW, 3, 40)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (200, 250)


@STEPS
def test_sign_suspect(step):
    """10 km that fill the battery, one episode a day."""
    ts = np.arange(0, 2 * 86_400, step * 10) if step < 10 else np.arange(0, 2 * 86_400, step)
    driving = ts % 86_400 < 1800
    odo = 20_000 + np.cumsum(np.where(driving, 0.01 * (ts[1] - ts[0]), 0))
    found = judged(made(ts, odo_km=odo, pack_current=np.where(driving, -20.0, 0.0)), Code.SIGN_SUSPECT)
    assert len(found) == 2
    assert found[0].peak == pytest.approx(-3.7, rel=0.05)
    assert not judged(made(ts, odo_km=odo, pack_current=np.where(driving, 20.0, 0.0)), Code.SIGN_SUSPECT)


def test_soh_low():
    """Three days of medians below, one at +1 clears; a day of nonsense does nothing."""
    ts = np.arange(0, 30 * 86_400, 3600)
    day = ts // 86_400
    soh = np.where(day < 10, 81.0, np.where(day < 20, 79.0, 81.0))
    (episode,) = judged(made(ts, soh=soh), Code.SOH_LOW)
    # The 7-day median follows after 4 days.
    assert (seconds(episode.started_at) // 86_400, seconds(episode.ended_at) // 86_400) == (13, 23)
    assert (episode.severity, episode.peak) == (Severity.WARNING, 79)
    assert not judged(made(ts, soh=np.where(day == 5, 10.0, 81.0)), Code.SOH_LOW)
    (worst,) = judged(made(ts, soh=69), Code.SOH_LOW)
    assert (worst.severity, worst.threshold, worst.ended_at) == (Severity.CRITICAL, 70, None)
