"""Rules about heat that no use explains, clocks that are behind, limits that are not known, and silences."""

import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.vehicle_profile import Profile
from shared.wording import percent
from tests.judged import FULL, judged, made, seconds
from tests.rhythms import RHYTHMS, times
from tests.variants import told, ways

WEEKS_1024_S = 1024 * 7 * 86_400.0


def codes(readings, profile=FULL):
    return {each.code for each in judged(readings, profile=profile)}


@ways([60, 1, 20, 300, 600])
@pytest.mark.parametrize("pace", [1.5, 2.0, 10.0])
def test_a_runaway_within_few_readings_of_a_slow_source(step, how, pace):
    """2 °C/s up to 200 °C, then slowly colder: a thermal event at each rhythm, active for good."""
    seconds_ = step * np.arange(max(40, round(1200 / step)), dtype=float)
    begin = seconds_[len(seconds_) // 2] + step / 3
    temp = np.interp(seconds_ - begin, [0, 175 / pace, 175 / pace + 3600], [25, 200, 150]).round(1)
    readings = told(seconds_, max_temp=temp, pack_voltage=370, pack_current=0.5, odo_km=500, **how)
    (episode,) = judged(readings, Code.THERMAL_EVENT)
    assert (episode.severity, episode.ended_at) == (Severity.CRITICAL, None)
    assert episode.peak >= episode.threshold


@ways([60, 20, 300, 600])
def test_a_last_reading_is_a_runaway_by_its_voltage(step, how):
    """From 25 to 145 °C, and nothing after it: an event where the voltage fell from 370 to 260 V as well."""
    temp = np.append(np.full(30, 25.0), max(25 + 2 * step, 145)).clip(0, 200)
    for fallen, found in ((370.0, 0), (260.0, 1)):
        volts = np.append(np.full(30, 370.0), fallen)
        readings = told(step * np.arange(31), max_temp=temp, pack_voltage=volts, odo_km=500, **how)
        assert len(judged(readings, Code.THERMAL_EVENT)) == found


@ways([60, 5, 20, 300, 600])
@pytest.mark.parametrize("count", [1, 2])
def test_a_spike_of_a_thermometer_is_no_thermal_event(step, how, count):
    """One reading of 100 °C; at a fast source two."""
    temp = np.where((np.arange(60) >= 30) & (np.arange(60) < 30 + count), 100.0, 25.0)
    readings = told(step * np.arange(60), max_temp=temp, pack_voltage=370, odo_km=500, **how)
    if count == 1 or step < 15:
        assert Code.THERMAL_EVENT not in codes(readings)


@pytest.mark.parametrize("step", [60, 600, 3600])
def test_a_charge_in_winter_is_no_thermal_event(step):
    """From -10 to 48 °C within an hour, the most that fast charging does."""
    seconds_ = step * np.arange(60.0)
    temp = np.interp(seconds_, [20 * step, 20 * step + 3600], [-10, 48]).round(1)
    assert Code.THERMAL_EVENT not in codes(told(seconds_, max_temp=temp, pack_current=-80, odo_km=500))


def resting(step, how=None, *, pace=0.3, begin=25.0, rested=3600.0, shared=0.0, before=0.0):
    """Return a parked car that warms up at `pace` °C/min from `rested` s on, to 12 °C more."""
    seconds_ = np.arange(0, max(3 * rested, 8 * 3600, 40 * step), step, float)
    rise = np.clip((seconds_ - max(rested, 8 * step)) / 60 * pace, 0, max(12, pace * step / 60 * 8))
    return told(
        seconds_,
        max_temp=(begin + rise).round(1),
        min_temp=(begin - 1 + shared * rise).round(1),
        pack_current=np.where(seconds_ < rested - before, 30.0 if before else 0.0, 0.0),
        pack_voltage=380,
        soc=60,
        odo_km=500,
        **(how or {}),
    )


@ways([60, 1, 10, 300])
@pytest.mark.parametrize(("begin", "shared"), [(20.0, 0.0), (5.0, 0.3), (30.0, 1.0)])
def test_heating_at_rest(step, how, begin, shared):
    """0.3 °C/min at 0 A: a warning, which ends when the temperature stays."""
    (episode,) = judged(resting(step, how, begin=begin, shared=shared), Code.HEATING_AT_REST)
    assert (episode.severity, episode.peak) == (Severity.WARNING, pytest.approx(0.3, abs=0.05))
    assert episode.ended_at is not None
    assert "without a current" in episode.detail


@pytest.mark.parametrize("step", RHYTHMS)
def test_heating_at_rest_at_each_rhythm(step):
    """Also where the temperature is all that is known of the cells."""
    readings = resting(step, {"jitter": True})
    assert len(judged(readings, Code.HEATING_AT_REST)) == 1
    readings.min_temp[:] = readings.odo_km[:] = readings.soc[:] = np.nan
    assert len(judged(readings, Code.HEATING_AT_REST)) == 1


@ways([60, 1, 10, 300])
@pytest.mark.parametrize(
    "healthy",
    [
        {"pace": 0.09},
        {"begin": 5.0, "shared": 1.0},
        {"before": 60.0, "rested": 3600.0, "pace": 0.5},
    ],
    ids=["ambient air 50 °C warmer", "a heater before a drive", "heat that leaves the cells after a drive"],
)
def test_a_rise_that_something_explains(step, how, healthy):
    """None: slow, or of all cells in the cold, or for 20 minutes after the use."""
    readings = resting(step, how, **healthy)
    if "before" in healthy:
        last = int(np.searchsorted(readings.ts, readings.ts[0] + 3600 + 1000))
        readings.max_temp[last:] = readings.max_temp[last]
    assert Code.HEATING_AT_REST not in codes(readings)


@ways([10, 1, 60, 600, 3600])
@pytest.mark.parametrize("behind", [WEEKS_1024_S, 3600.0, 1000.0])
def test_a_clock_that_is_behind(step, how, behind):
    """By 1024 weeks, by a time zone, by 1000 s: one warning, and no late data."""
    count = max(30, round(400 / step))
    readings = told(step * np.arange(count), soc=60, odo_km=500, **how)
    readings.received_at[:] = readings.ts + behind + np.random.default_rng(1).uniform(0, 5, count)
    (episode,) = judged(readings)
    assert (episode.code, episode.severity, episode.samples) == (Code.CLOCK_BEHIND, Severity.WARNING, count)
    assert episode.peak == pytest.approx(behind, abs=6)
    assert episode.ended_at is None


def test_a_clock_that_goes_back_and_is_right_again():
    """Its readings stand 1024 weeks before the others; the episode is theirs."""
    readings = made(10 * np.arange(120))
    early = np.arange(40, 80)
    ts = readings.ts.copy()
    ts[early] -= WEEKS_1024_S
    order = np.argsort(ts)
    columns = {name: getattr(readings, name)[order] for name in ("received_at", "soc", "odo_km")}
    turned = told(ts[order] - readings.ts[0], soc=60, odo_km=20_000)
    turned.received_at[:] = columns["received_at"]
    (episode,) = judged(turned)
    assert (episode.code, episode.samples) == (Code.CLOCK_BEHIND, 40)
    assert episode.ended_at is not None


@ways([10, 1, 60, 600])
@pytest.mark.parametrize("pace", [0.0, 0.1, 0.5], ids=["at once", "ten times as fast", "twice as fast"])
def test_a_backlog_is_late_and_no_clock(step, how, pace):
    """Kept for hours, then delivered at once, or faster than it was taken."""
    count = max(60, round(1800 / step))
    readings = told(step * np.arange(count), soc=60, odo_km=500, **how)
    readings.received_at[:] = readings.ts[-1] + 7200 + pace * (readings.ts - readings.ts[0])
    assert codes(readings) == {Code.LATE_DATA}


@ways([10, 1, 60, 600])
def test_a_normal_fast_charge_is_no_overcurrent(step, how):
    """3.1 C: with a known capacity alone charging is not judged, with the maker's limit it is."""
    count = max(20, round(600 / step))
    soc = 20 + 186 * step * np.arange(count) / 3600 / 60 * 100
    readings = told(
        step * np.arange(count), soc=soc.clip(0, 80), pack_current=-186, pack_voltage=380, odo_km=500, **how
    )
    found, skipped = episodes(readings, FULL, [Code.OVERCURRENT])
    assert found == []
    assert [each.missing.reason for each in skipped] == [
        "the profile has no largest charge current (max_charge_a)"
    ]
    found, skipped = episodes(readings, Profile(max_charge_a=150, max_discharge_a=300), [Code.OVERCURRENT])
    assert (len(found), skipped) == (1, [])


def logged(step, days, *, cut):
    """Return `days` of a car that is read for an hour at noon and drives at night, or over the hour's end."""
    noon = np.concatenate([day * 86_400 + np.arange(0, 3600, step) for day in range(days)])
    at = np.array([3000.0 if cut else 40_000.0]) + 86_400 * np.arange(days)
    km = sum(np.interp(noon, [each, each + 3600], [0, 60]) for each in at)
    return told(noon, soc=60, odo_km=(500 + km).round(1))


@pytest.mark.parametrize("step", [10, 30, 60])
def test_drives_that_are_never_logged_are_one_figure(step):
    """Of 60 nights: one line with the share of time; up to 10 and drives that are cut one by one."""
    (episode,) = judged(logged(step, 60, cut=False), Code.DATA_GAP)
    assert episode.detail.startswith("Logged 4.")
    assert "in 59 silences the car drove" in episode.detail
    assert len(judged(logged(step, 11, cut=False), Code.DATA_GAP)) == 10
    cut = judged(logged(step, 60, cut=True), Code.DATA_GAP)
    assert len(cut) == 59
    assert all("No reading for 23 hours" in each.detail for each in cut)


def test_an_empty_window_has_no_readings():
    """The reason is the window, not a signal."""
    _, skipped = episodes(made([]), FULL, [Code.TEMP_HIGH, Code.DATA_GAP])
    assert [each.missing.reason for each in skipped] == ["there are no readings in this window"] * 2


def test_words_of_shares_and_durations():
    """No sign of zero, no 0 % for a little; long durations in days."""
    assert [percent(each) for each in (-0.0, 1e-6, 0.0404, 0.5, 1)] == [
        "0 %",
        "less than 0.01 %",
        "4.04 %",
        "50 %",
        "100 %",
    ]
    (gap,) = judged(told([0, 10, 26_705_036, 26_705_046], soc=[50, 50, 80, 80], odo_km=500), Code.DATA_GAP)
    assert "No reading for 309 days" in gap.detail


@pytest.mark.parametrize("step", RHYTHMS)
def test_clocks_and_thermal_events_at_each_rhythm(step):
    """Debounced rules fire from a second to an hour."""
    ts = times(step, max(60, round(600 / step)), jitter=0.05)
    assert len(judged(made(ts, delay=3600.0), Code.CLOCK_BEHIND)) == 1
    half = ts[len(ts) // 2]
    temp = np.interp(ts - half, [0, 90], [25, 200])
    assert len(judged(made(ts, max_temp=temp), Code.THERMAL_EVENT)) == 1
    assert seconds(judged(made(ts, max_temp=temp), Code.THERMAL_EVENT)[0].started_at) <= half + 1e-5
