"""State of charge and health: glitches, clipped ends, zeros that mean nothing, recalibrations."""

import numpy as np
import pytest

from shared.diagnostics.alerts import Severity
from shared.diagnostics.battery import battery
from shared.diagnostics.cleaning import clean
from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Chemistry, Profile
from tests.judged import FULL, judged
from tests.traces import DAY_S
from tests.variants import told, ways

NOTHING = Profile()


def codes(readings, profile=FULL):
    return {each.code for each in judged(readings, profile=profile)}


def nothing_happened(readings, profile=NOTHING):
    """Assert that the car stood still: no session, no cycle, no low soc."""
    found = battery(readings, profile)
    assert sessions(readings, profile) == []
    assert found.passport.deep_discharges == 0
    assert found.passport.cycles.count == pytest.approx(0, abs=0.01)
    assert Code.SOC_LOW not in codes(readings)


@ways([600, 10, 60, 3600])
@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_a_poll_of_zeros_is_no_empty_battery(step, how, zeros):
    """A parked car: 69, 69, 0, 69, 69."""
    soc = np.array([69.0] * 6 + [0] * zeros + [69] * 6)
    readings = told(step * np.arange(len(soc)), soc=soc, odo_km=12_000, **how)
    nothing_happened(readings)
    assert clean(readings).removed.soc_glitches == zeros
    nothing_happened(told(step * np.arange(5), soc=[69, 69, 0, 69, 69], odo_km=12_000, **how))


@ways([600, 10, 60, 3600])
@pytest.mark.parametrize("values", [(28.9, 71.3), (71.3, 28.9)])
def test_a_stale_snapshot_is_no_charge(step, how, values):
    """One old value of soc between two new ones: neither a charge nor a drive."""
    value, stale = values
    soc = np.array([value] * 5 + [stale] + [value] * 5)
    readings = told(step * np.arange(11), soc=soc, odo_km=12_000, **how)
    nothing_happened(readings)
    assert clean(readings).removed.soc_glitches == 1
    nothing_happened(told(step * np.arange(3), soc=[value, stale, value], odo_km=12_000, **how))


@ways([3600, 600, 1800, 900])
def test_a_stale_snapshot_of_a_cloud_account_has_an_old_odometer_too(step, how):
    """Driven from 71.3 to 28.9 %, then one poll shows both values of the time before."""
    soc = [71.3] * 3 + [28.9] * 3 + [71.3] + [28.9] * 3
    odo = [12_000] * 3 + [12_150] * 3 + [12_000] + [12_150] * 3
    readings = told(step * np.arange(10), soc=soc, odo_km=odo, **how)
    cleaned = clean(readings)
    assert (cleaned.removed.soc_glitches, cleaned.removed.odo_wrong) == (1, 1)
    assert Kind.CHARGE not in {each.kind for each in sessions(readings, NOTHING)}


@ways([30, 1, 10, 60])
@pytest.mark.parametrize("after", ["silence", "end", "driven"])
def test_a_charge_that_ends_with_zeros_and_silence(step, how, after):
    """From 40 to 75 %, three zeros, and eight hours later 75 %, nothing more, or 60 % and 60 km further."""
    count = round(7200 / step)
    seconds = step * np.arange(count + 3)
    soc = np.append(np.linspace(40, 75, count).round(1), [0, 0, 0])
    current = np.append(np.full(count, -20.0), [0, 0, 0])
    odo = np.full(count + 3, 12_000.0)
    if after != "end":
        seconds = np.append(seconds, seconds[-1] + 8 * 3600 + step * np.arange(5))
        soc = np.append(soc, np.full(5, 75.0 if after == "silence" else 60.0))
        current, odo = np.append(current, np.zeros(5)), np.append(odo, np.full(5, 12_000.0))
        odo[-5:] += 60 if after == "driven" else 0
    readings = told(seconds, soc=soc, pack_current=current, pack_voltage=380, odo_km=odo, **how)
    charge, *others = sessions(readings, NOTHING)
    assert (charge.kind, charge.soc_from, charge.soc_to) == (Kind.CHARGE, 40, 75)
    assert [each.kind for each in others] == ([Kind.DRIVE] if after == "driven" else [])
    assert Code.SOC_LOW not in codes(readings)
    assert battery(readings, NOTHING).passport.deep_discharges == 0


@ways([600, 60, 900, 3600])
def test_a_fall_that_the_road_explains_is_no_glitch(step, how):
    """Driven empty, then charged by a current that the readings show: believed at every rhythm."""
    soc = np.array([69.0] * 4 + [20] * 4 + [69] * 4)
    odo = np.where(np.arange(12) < 4, 12_000.0, 12_200.0)
    current = np.where((np.arange(12) >= 6) & (np.arange(12) < 8), -40.0, 0)
    if step >= 600:
        readings = told(step * np.arange(12), soc=soc, odo_km=odo, pack_current=current, **how)
        assert clean(readings).removed.soc_glitches == 0
    flowing = np.interp(np.arange(1200), [0, 400, 800, 1200], [69, 20, 69, 69])
    readings = told(step * np.arange(1200) / 10, soc=flowing, odo_km=12_000)
    assert clean(readings).removed.soc_glitches == 0


def test_a_battery_that_really_is_empty():
    """A slow fall to 0, and a fall from 12 % to 0 as of a weak cell, are believed."""
    slow = np.append(np.arange(30, -0.5, -0.5), np.zeros(20))
    readings = told(30 * np.arange(len(slow)), soc=slow, pack_current=60, odo_km=np.arange(len(slow)) / 2)
    assert clean(readings).removed.soc_glitches == 0
    assert Code.SOC_LOW in codes(readings)
    weak = told(10 * np.arange(30), soc=[12] * 25 + [0] * 5, odo_km=12_000)
    assert clean(weak).removed.soc_glitches == 0


@ways([60, 10, 30, 600])
@pytest.mark.parametrize("values", [(79, 80), (79, 79.5), (40, 42)])
def test_soc_that_alternates_at_rest_is_no_cycle(step, how, values):
    """79, 80, 79, 80 by turns for 201 readings."""
    soc = np.where(np.arange(201) % 2, values[1], values[0])
    readings = told(step * np.arange(201), soc=soc, odo_km=12_000, **how)
    assert battery(readings, NOTHING).passport.cycles.count <= 0.02


def test_reversals_by_more_than_a_step_are_cycles():
    """Two falls and two rises by 30 % in steps of 1 % are 0.6 cycles; noise of a step adds its step."""
    way = np.concatenate((np.arange(80, 50, -1), np.arange(50, 80), np.arange(80, 50, -1), np.arange(50, 81)))
    for noise in (0, np.arange(2 * len(way)) % 2):
        soc = np.repeat(way, 2) + noise
        found = battery(told(60 * np.arange(len(soc)), soc=soc), NOTHING)
        assert found.passport.cycles.count == pytest.approx(0.6, abs=0.03)


def charged(step, *, begin, end, before=0.0, after=0.0, ah=180.0, rate=30.0, unit=0.0):
    """Return a charge of a pack of `ah`; `before` and `after` % flow while soc shows its end."""
    whole = before + (end - begin) + after
    seconds = np.arange(0, whole / 100 * ah / rate * 3600, step)
    true = begin - before + seconds / 3600 * rate / ah * 100
    soc = np.clip(true, begin, end)
    return seconds, np.floor(soc / unit + 1e-9) * unit if unit else soc


@ways([10, 1, 20, 25])
@pytest.mark.parametrize(
    ("ends", "unit"),
    [
        ({"begin": 69, "end": 100, "after": 3}, 0.0),
        ({"begin": 0, "end": 60, "before": 6}, 0.0),
        ({"begin": 60, "end": 100, "after": 3}, 1.0),
        ({"begin": 0, "end": 100, "before": 6, "after": 3}, 0.5),
    ],
)
def test_a_clipped_end_is_no_end_point(step, how, ends, unit):
    """3 % more flow at 100, or 6 % before soc leaves 0: still 180 Ah."""
    seconds, soc = charged(step, unit=unit, **ends)
    readings = told(seconds, soc=soc, pack_current=-30, pack_voltage=380, odo_km=500, **how)
    assert battery(readings, NOTHING).capacity.ah == pytest.approx(180, rel=0.01)


@ways([10, 1, 20, 25])
def test_steps_by_recalibration_are_no_charge(step, how):
    """Four steps of +1.5 % in a charge from 20 to 86 %: 180 Ah, not 163.6."""
    seconds, soc = charged(step, begin=20, end=80)
    soc = soc + 1.5 * np.searchsorted([30, 42, 55, 70], soc)
    readings = told(seconds, soc=soc.round(1), pack_current=-30, pack_voltage=380, odo_km=500, **how)
    assert battery(readings, NOTHING).capacity.ah == pytest.approx(180, rel=0.01)


@ways([28_800, 3600, 14_400, 21_600])
def test_zero_is_no_value_of_soh(step, how):
    """Half of each day's readings are 0: the battery management system has not answered yet."""
    count = round(400 * DAY_S / step)
    days = step * np.arange(count) / DAY_S
    first_half = np.arange(count) % 4 < 2
    soh = np.where(first_half, 0, (93 - 2 * days / 365.25).round(1))
    readings = told(step * np.arange(count), soh=soh, odo_km=12_000, **how)
    assert not codes(readings)
    found = battery(readings, NOTHING)
    assert found.quality.cleaned.soh_zeros == np.count_nonzero(first_half)
    assert found.ageing.per_year.value == pytest.approx(-2, abs=0.1)
    assert not any(each.passed for each in found.ageing.milestones)


def test_only_zeros_are_no_soh():
    """Without another value nothing is known."""
    found = battery(told(3600 * np.arange(48), soh=0), NOTHING)
    assert isinstance(found.ageing, InsufficientData)


@ways([DAY_S, DAY_S / 4, DAY_S / 2, DAY_S / 8])
def test_a_milestone_is_passed_only_if_it_was_seen(step, how):
    """The line is at 78.8 on the last day, where the vehicle reports 80.9: not passed, and no date before."""
    days = np.arange(0, 400, step / DAY_S)
    soh = np.where(days < 250, 95 - days / 250 * 14, 80.9)
    readings = told(step * np.arange(len(days)), soh=soh, **how)
    found = battery(readings, NOTHING).ageing
    assert found.soh < 80
    eighty, seventy = found.milestones
    assert (eighty.passed, seventy.passed) == (False, False)
    last = int(readings.ts[-1] // DAY_S)
    assert min(each.toordinal() - 719_163 for each in (eighty.earliest, eighty.likely)) >= last
    fallen = told(step * np.arange(len(days)), soh=np.where(days < 380, soh, 79.5), **how)
    assert battery(fallen, NOTHING).ageing.milestones[0].passed


LFP = Profile(series_cells=100, chemistry=Chemistry.LFP, capacity_ah=180)


def full(step, *, to=100.0, back=0, before=92.0, current=-0.5):
    """Return a parked car whose soc steps to `to`, and back after so many readings if not 0."""
    soc = np.array([before] * 20 + [to] * 20)
    if back:
        soc[20 + back :] = before
    return step * np.arange(40), {"soc": soc, "pack_current": current, "pack_voltage": 340, "odo_km": 12_000}


@ways([10, 1, 60, 600])
@pytest.mark.parametrize("before", [70, 92, 94])
def test_a_correction_at_a_full_battery_is_no_jump(step, how, before):
    """LFP, from 92 to 100 % at -0.5 A: recalibrated, which is an information."""
    seconds, columns = full(step, before=before)
    readings = told(seconds, **columns, **how)
    (episode,) = (each for each in judged(readings, profile=LFP) if each.code is not Code.DATA_GAP)
    assert (episode.code, episode.severity) == (Code.SOC_RECALIBRATED, Severity.INFO)
    assert (episode.peak, episode.window_s) == (100 - before, pytest.approx(step, rel=0.11))
    assert f"from {before} %" in episode.detail


@pytest.mark.parametrize(
    "other",
    [{"back": 3}, {"before": 60.0}, {"to": 96.0, "before": 80.0}, {"current": 3.0}],
    ids=["taken back", "from far below", "not full", "discharging"],
)
def test_other_steps_stay_jumps(other):
    """A step that is taken back, from below 70 %, to below 97 %, or with a current out."""
    seconds, columns = full(10, **other)
    assert codes(told(seconds, **columns), LFP) == {Code.SOC_JUMP}
