import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.table import table
from tests.judged import FULL, judged, made, seconds

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
    """Below 60 °C the voltage must have fallen by over 25 %; the rise alone, or for 3 s, is not enough."""
    ts = np.arange(600)
    temp = rounded(ts, [300, 315], [20, 42.5])
    fallen = np.where(ts < 305, 370.0, 270.0)
    assert not judged(made(ts, max_temp=temp), Code.THERMAL_EVENT)
    assert judged(made(ts, max_temp=temp, pack_voltage=fallen), Code.THERMAL_EVENT)
    short = rounded(ts, [300, 303], [57, 63])
    assert not judged(made(ts, max_temp=short), Code.THERMAL_EVENT)


@STEPS
def test_soc_jump(step):
    """A glitch to 0 and back is one episode of two readings; a step explained by the current is none."""
    ts = np.arange(0, 1800, step)
    soc = np.full(len(ts), 60.0)
    soc[20] = 0
    (episode,) = judged(made(ts, soc=soc), Code.SOC_JUMP)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (20 * step, 21 * step)
    assert (episode.peak, episode.window_s) == (-60, step)
    falling = 90 - 60 * ts / 1800
    assert not judged(made(ts, soc=falling, pack_current=72), Code.SOC_JUMP)


def test_soc_step_that_current_explains():
    """6 % in a minute at 6C is explained; at rest it is a jump; with an unknown current no episode."""
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


@pytest.mark.parametrize("step", [1, 10, 30, 61])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_a_jump_that_is_taken_back_is_no_last_valid_value(step, count):
    """However long nonsense is shown: one jump, and no rollback when the odometer is back, driving or not."""
    ts = np.arange(0, 14_400, step)
    for way in (np.full(len(ts), 20_000.0), (20_000 + ts / 100).round(1)):
        odo = way.copy()
        odo[30 : 30 + count] = 999_999
        # At 61 s every pair of readings on the road is a gap.
        (jump,) = (each for each in judged(made(ts, odo_km=odo)) if each.code is not Code.DATA_GAP)
        assert (jump.code, jump.samples) == (Code.ODO_JUMP, count)
        assert (seconds(jump.started_at), seconds(jump.ended_at)) == (30 * step, (29 + count) * step)
        odo[35 + count :] -= 500
        (rollback,) = judged(made(ts, odo_km=odo), Code.ODO_ROLLBACK)
        assert seconds(rollback.started_at) == (35 + count) * step
        assert "last valid value was 200" in rollback.detail


def test_a_jump_from_which_the_car_drove_on_is_valid():
    """1 km confirms the jump: a lower value later is a rollback. Two wrong steps are one jump."""
    ts = np.arange(0, 3600, 10)
    way = 20_000 + ts / 100
    driven = judged(made(ts, odo_km=np.where((ts >= 1200) & (ts < 1350), way + 500, way)))
    assert [each.code for each in driven] == [Code.ODO_JUMP, Code.ODO_ROLLBACK]
    stairs = np.select([ts < 1200, ts < 1230, ts < 1260], [way, 500_000, 999_999], way)
    assert [each.code for each in judged(made(ts, odo_km=stairs))] == [Code.ODO_JUMP]


def test_odometer_jump_over_a_gap():
    """After an hour 200 km are a drive, 300 km are not."""
    ts = [0, 3600]
    assert not judged(made(ts, odo_km=[20_000, 20_200]), Code.ODO_JUMP)
    assert judged(made(ts, odo_km=[20_000, 20_300]), Code.ODO_JUMP)


@STEPS
def test_stuck_sensor(step):
    """V is constant while I changes; V may be constant with a constant I, and for less than 20 s."""
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
    brief = (ts >= 600) & (ts <= 619)
    fading = made(
        ts, pack_current=current, pack_voltage=np.where(brief, 391.0, voltage), odo_km=20_000 + ts / 100
    )
    assert not judged(fading, Code.STUCK_SENSOR)


def test_data_gap():
    """61 s of silence on the road or at a charger; not in the garage."""
    ts = np.concatenate((np.arange(300), np.arange(300) + 400))
    assert not judged(made(ts))
    (driving,) = judged(made(ts, odo_km=20_000 + ts / 100, pack_current=20), Code.DATA_GAP)
    assert (driving.peak, seconds(driving.started_at), seconds(driving.ended_at)) == (101, 299, 400)
    (charging,) = judged(made(ts, pack_current=-20), Code.DATA_GAP)
    assert "the car drove meanwhile" in driving.detail
    assert "the car was charged meanwhile" in charging.detail


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
    assert found[0].threshold == pytest.approx(-0.9, rel=0.05)
    assert not judged(made(ts, odo_km=odo, pack_current=np.where(driving, 20.0, 0.0)), Code.SIGN_SUSPECT)
    odo[50:53] = 999_999
    assert (
        len(judged(made(ts, odo_km=odo, pack_current=np.where(driving, -20.0, 0.0)), Code.SIGN_SUSPECT)) == 2
    )


@pytest.mark.parametrize(("kwh_per_100_km", "found"), [(-4.9, 0), (-5.1, 1)])
def test_a_little_more_in_than_out_is_no_other_sign(kwh_per_100_km, found):
    """Downhill, or sampled too rarely: less than 5 kWh in per 100 km; and 9.9 km are not enough."""
    ts = np.arange(0, 1201, 10)
    current = 1000 * kwh_per_100_km * 0.36 / 370
    moving = made(ts, odo_km=20_000 + ts / 100, pack_current=current)
    assert len(judged(moving, Code.SIGN_SUSPECT)) == found
    assert not judged(moving.between(0, moving.ts[99]), Code.SIGN_SUSPECT)


def test_soh_low():
    """Three days of medians below begin an episode, one at +1 clears it; a day of wrong values is ignored."""
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


@pytest.mark.parametrize(("charged", "ended"), [(200, None), (600, 599)])
def test_a_charge_after_a_stuck_voltage_ends_it(charged, ended):
    """During a charge the rule is not evaluated: after 300 s of it the episode has ended."""
    ts = np.arange(0, 600 + charged, 1)
    current = np.where(ts < 600, 30 * np.sin(ts / 50), -20)
    odo = np.minimum(20_000 + ts / 100, 20_006)
    stuck = made(
        ts, pack_current=current, pack_voltage=np.where(ts < 300, 370 - ts % 2 / 10, 391.0), odo_km=odo
    )
    (episode,) = judged(stuck, Code.STUCK_SENSOR)
    assert (seconds(episode.started_at), seconds(episode.ended_at)) == (300, ended)


@pytest.mark.parametrize(
    ("times", "ahead", "found"),
    [
        # Fives that share the reading at 30 s; that share none; of which one is no longer three.
        (range(0, 150, 10), (0, 1, 3, 6, 7), [(0, 80, 5)]),
        (range(0, 150, 10), (0, 1, 2, 6, 7, 8), [(0, 30, 3), (60, 90, 3)]),
        (range(0, 150, 10), (0, 1, 4, 8, 9), [(0, 50, 3)]),
        (range(0, 150, 10), (12, 13, 14), [(120, None, 3)]),
        # A gap parts them, and ends an episode at the last reading before it.
        ((0, 10, 7_776_000, 7_776_010), (0, 1, 2), []),
        ((0, 10, 20, 320, 330), (0, 1, 2, 3, 4), [(0, 20, 3)]),
        ((0, 10, 20, 319, 330), (0, 1, 2, 3, 4), [(0, None, 5)]),
    ],
)
def test_clock_skew_episodes(times, ahead, found):
    """Episodes never overlap and have no gap inside."""
    times = np.array(times)
    delay = np.full(len(times), 1.0)
    delay[list(ahead)] = -31
    assert [
        (seconds(each.started_at), seconds(each.ended_at), each.samples)
        for each in judged(made(times, delay=delay), Code.CLOCK_SKEW)
    ] == found


NAN = np.nan


@pytest.mark.parametrize(
    ("times", "columns", "did"),
    [
        # The reading after the silence lacks the signal, the one before has it; a glitch of it follows.
        ([0, 10, 150, 160, 170], {"odo_km": [100.4, 100.5, NAN, 102, 102]}, "drove"),
        ([0, 10, 150, 160, 170], {"odo_km": [100.4, NAN, 0, 102, 102]}, "drove"),
        ([0, 10, 4010, 4020, 4030], {"soc": [50, 50, NAN, 70, 70]}, "was charged"),
        ([0, 10, 4010, 4020, 4030], {"soc": [50, 50, 0, 0, 70]}, None),
        ([0, 10, 20, 4020, 4030], {"soc": [50, 50, 0, 50, 50]}, None),
        ([0, 10, 4010, 4020, 4030], {"odo_km": [100, 100, 999_999, 100, 100]}, None),
        # 33.3 - 30.3 is a hair below 3 in binary.
        ([0, 10, 4010, 4020, 4030], {"soc": [30.3, 30.3, 33.3, 33.3, 33.3]}, "was charged"),
        ([0, 10, 4010, 4020, 4030], {"soc": [30.3, 30.3, 33.2, 33.2, 33.2]}, None),
        # Either of both signals is enough.
        ([0, 10, 4010, 4020, 4030], {"soc": [30, 30, 60, 60, 60], "odo_km": NAN}, "was charged"),
        ([0, 10, 4010, 4020, 4030], {"odo_km": [100, 100, 150, 150, 150], "soc": NAN}, "drove"),
    ],
)
def test_what_happened_in_a_silence(times, columns, did):
    """By the nearest known values on both its sides."""
    found = judged(made(times, **columns), Code.DATA_GAP)
    assert [(seconds(each.started_at), f"the car {did} meanwhile;" in each.detail) for each in found] == (
        [(10, True)] if did else []
    )


def test_nothing_tells_of_a_silence():
    """Without odometer and soc the rule is skipped, with a reason."""
    _, skipped = episodes(made([0, 10, 4010], odo_km=np.nan, soc=np.nan), FULL, [Code.DATA_GAP])
    assert [each.missing.reason for each in skipped] == ["no reading has odo_km or soc"]
    (row,) = (line for line in table().splitlines() if line.startswith("| `DATA_GAP`"))
    assert "| odo_km or soc | GB/T 32960 |" in row


def cruising(resolution, seconds=3600):
    """Power that swings slowly at 1 Hz, seen at 66 mOhm with this resolution."""
    ts = np.arange(seconds)
    swing = np.convolve(np.random.default_rng(5).normal(0, 1, seconds + 59), np.ones(60) / 60, "valid")
    current = (40 + 25 * swing / swing.std() / 2).round(1)
    voltage = np.round((375 - 0.066 * current - ts / 900) / resolution) * resolution
    return ts, {"pack_current": current, "pack_voltage": voltage, "odo_km": 20_000 + ts / 100}


@pytest.mark.parametrize("resolution", [1, 0.5, 0.1])
def test_a_coarse_voltage_is_not_stuck(resolution):
    """An honest volt stays the same while the current changes by less than would move it."""
    ts, columns = cruising(resolution)
    assert not judged(made(ts, **columns), Code.STUCK_SENSOR)
    columns["pack_voltage"][1200:2400] = 380
    columns["pack_current"] = 40 + 30 * np.sin(ts / 50)
    (episode,) = (
        each for each in judged(made(ts, **columns), Code.STUCK_SENSOR) if seconds(each.started_at) == 1200
    )
    assert seconds(episode.ended_at) == 2400
    assert episode.threshold == pytest.approx(max(10, resolution / 0.03), abs=1e-6)


@pytest.mark.parametrize(
    ("voltage", "span", "found"), [(380, 30, 0), (380, 40, 1), (380.4, 9, 0), (380.4, 11, 1)]
)
def test_a_voltage_that_never_changes(voltage, span, found):
    """A whole number may be all that a voltage of whole volts shows; another one is stuck."""
    ts = np.arange(0, 600, 10)
    current = 20 + span / 2 * np.where(ts % 40 < 20, 1, -1)
    stuck = made(ts, pack_voltage=voltage, pack_current=current, odo_km=20_000 + ts / 100)
    assert len(judged(stuck, Code.STUCK_SENSOR)) == found


@STEPS
def test_where_a_trace_begins_does_not_make_a_rollback(step):
    """A trace that begins with one odd value, however its odometer wavers then; two of them are believed."""
    ts = np.arange(0, 600 * step, step)
    way = 20_000 + (ts // 60) / 10
    way[1:4] = [20_000.1, 20_000.0, 20_000.1]
    for nonsense in (999_999, 20_300):
        odo = np.append(nonsense, way[1:])
        assert not judged(made(ts, odo_km=odo), Code.ODO_ROLLBACK)
        odo[1] = nonsense
        (rollback,) = judged(made(ts, odo_km=odo), Code.ODO_ROLLBACK)
        assert (seconds(rollback.started_at), rollback.ended_at) == (2 * step, None)


def test_a_rollback_is_the_same_wherever_the_trace_begins():
    """Two readings before it are enough; with one, either of the two could be wrong."""
    ts = np.arange(0, 600, 10)
    trace = made(ts, odo_km=np.where(ts < 300, 100, 50))
    begins = [judged(trace.between(trace.ts[first], trace.ts[-1]), Code.ODO_ROLLBACK) for first in range(30)]
    assert [seconds(each.started_at) for found in begins for each in found] == [300] * 29
