"""Charges, drives and gaps: each by hand, with broken odometers, and as laws over anything."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.diagnostics.activity import charging
from shared.diagnostics.integrals import Pairs, totals
from shared.diagnostics.odometer import travelled
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.diagnostics.soc import without_glitches
from shared.vehicle_profile import Profile
from tests.traces import START_S, trace

NOTHING = Profile()


def brief(found):
    return [(each.kind, each.inferred, each.start - START_S, each.end - START_S) for each in found]


def driven(minutes=10, step=10, kmh=60.0, **signals):
    """Return a drive at a steady speed, with an odometer to 0.1 km."""
    seconds = np.arange(0, minutes * 60 + 1, step)
    odo = np.floor(10 * (1000 + seconds * kmh / 3600) + 1e-6) / 10
    usual = {"pack_voltage": 360, "pack_current": 40, "odo_km": odo, "soc": 50, "max_temp": 25}
    return seconds, {**usual, **signals}


def test_a_charge():
    """20 A in for an hour: one charge, all its figures by hand."""
    seconds = np.arange(0, 3601, 30)
    soc = 20 + seconds / 3600 * 30
    found = sessions(
        trace(seconds, soc=soc, pack_voltage=400, pack_current=-20, max_temp=30, odo_km=500), NOTHING
    )
    assert brief(found) == [(Kind.CHARGE, False, 0, 3600)]
    (charge,) = found
    assert (charge.soc_from, charge.soc_to, charge.km, charge.max_temp) == (20, 50, 0, 30)
    assert (charge.kwh_in, charge.kwh_out) == (pytest.approx(8), 0)
    assert (charge.peak_kw, charge.mean_kw) == (pytest.approx(8), pytest.approx(8))
    assert (charge.samples, charge.coverage) == (121, 1)


@pytest.mark.parametrize("odo", [500.0, 500.3])
@pytest.mark.parametrize(
    ("current", "volts", "profile", "charges"),
    [
        (-1.9, 400, {}, 0),
        (-2.0, 400, {}, 1),
        (-2.9, 340, {"capacity_ah": 150.0}, 1),
        (-1.4, 700, {}, 0),
        (-1.5, 700, {}, 1),
        (-0.8, 50, {"capacity_ah": 8.0}, 1),
        (-0.7, 50, {"capacity_ah": 8.0}, 0),
        (-0.8, 50, {"energy_kwh": 0.4}, 1),
        (-0.7, 50, {"energy_kwh": 0.4}, 0),
        (-1.9, 400, {"capacity_ah": 150.0, "energy_kwh": 60.0}, 0),
    ],
)
def test_a_charge_needs_2_a_or_1_kw_or_a_tenth_of_a_small_pack(current, volts, profile, charges, odo):
    """The least of the three, at its edge."""
    readings = trace(np.arange(0, 601, 30), pack_voltage=volts, pack_current=current, odo_km=odo)
    assert len(sessions(readings, Profile(**profile))) == charges


@pytest.mark.parametrize(("seconds", "charges"), [(119, 0), (120, 1)])
def test_a_charge_lasts_120_s(seconds, charges):
    """Less is not called a charge."""
    readings = trace(np.arange(seconds + 1), pack_voltage=400, pack_current=-20, odo_km=500)
    assert len(sessions(readings, NOTHING)) == charges


@pytest.mark.parametrize(("pause", "charges"), [(310, 1), (890, 1), (910, 2)])
def test_a_charge_ends_after_15_minutes_without_current(pause, charges):
    """A shorter pause, such as a charger's own, does not part it."""
    current = np.concatenate(([-20] * 31, [0] * (pause // 10 - 1), [-20] * 31))
    readings = trace(10 * np.arange(len(current)), pack_voltage=400, pack_current=current, odo_km=500)
    assert [each.kind for each in sessions(readings, NOTHING)] == [Kind.CHARGE] * charges


def test_a_move_of_200_m_parts_two_charges():
    """Driven on to the next charger within five minutes."""
    current = np.array([-20] * 31 + [0] * 10 + [-20] * 31)
    for km, charges in ((0.1, 1), (0.3, 2)):
        odo = np.where(np.arange(len(current)) < 36, 500, 500 + km)
        readings = trace(10 * np.arange(len(current)), pack_voltage=400, pack_current=current, odo_km=odo)
        assert sum(each.kind is Kind.CHARGE for each in sessions(readings, NOTHING)) == charges


def test_long_braking_is_no_charge():
    """Ten minutes downhill with 20 A in: the odometer moves, so it is a drive."""
    seconds, signals = driven(pack_current=-20)
    (drive,) = sessions(trace(seconds, **signals), NOTHING)
    assert (drive.kind, drive.kwh_out) == (Kind.DRIVE, 0)
    assert drive.kwh_in == pytest.approx(1.2)


def test_a_drive():
    """Ten minutes at 60 km/h and 40 A: 10 km, 2.4 kWh, 14.4 kW."""
    seconds, signals = driven()
    (drive,) = sessions(trace(seconds, **signals), NOTHING)
    assert (drive.kind, drive.inferred, drive.start, drive.end) == (
        Kind.DRIVE,
        False,
        START_S,
        START_S + 600,
    )
    assert (drive.km, drive.kwh_out) == (pytest.approx(10), pytest.approx(2.4))
    assert (drive.peak_kw, drive.mean_kw) == (pytest.approx(14.4), pytest.approx(14.4))


@pytest.mark.parametrize(("stand", "drives"), [(280, 1), (320, 2)])
def test_a_drive_ends_after_300_s_without_a_rise(stand, drives):
    """A traffic light does not part it, a stop does."""
    seconds = np.arange(0, 1200 + stand + 1, 10)
    moving = np.minimum(seconds, 600) + np.clip(seconds - 600 - stand, 0, None)
    readings = trace(seconds, odo_km=1000 + np.round(moving / 60, 1), pack_voltage=360, pack_current=1)
    assert [each.kind for each in sessions(readings, NOTHING)] == [Kind.DRIVE] * drives


@pytest.mark.parametrize(("km", "seconds", "drives"), [(0.4, 100, 0), (0.5, 100, 1), (0.2, 300, 1)])
def test_a_drive_is_kept_from_500_m_or_300_s_on(km, seconds, drives):
    """A shorter one is a move on a parking space."""
    ts = np.arange(0, seconds + 1, 5)
    readings = trace(ts, odo_km=1000 + np.round(km * ts / seconds, 3), pack_current=3, pack_voltage=360)
    assert len(sessions(readings, NOTHING)) == drives


def test_an_odometer_of_whole_km_still_shows_a_whole_drive():
    """The energy before the first step and after the last one belongs to the drive."""
    seconds, signals = driven(minutes=12)
    signals["odo_km"] = np.floor(1000.4 + seconds / 60)
    (drive,) = sessions(trace(seconds, **signals), NOTHING)
    assert (drive.start, drive.end, drive.km) == (START_S, START_S + 720, 12)


def test_without_an_odometer_the_current_shows_a_drive():
    """More than 5 A on average is a drive of unknown distance. With a constant odometer it is no drive."""
    seconds = np.arange(0, 1201, 10)
    current = np.where(seconds <= 600, 30, 0)
    (drive,) = sessions(trace(seconds, pack_voltage=360, pack_current=current), NOTHING)
    assert (drive.kind, drive.km, drive.end) == (Kind.DRIVE, None, START_S + 610)
    (parked,) = sessions(trace(seconds, pack_voltage=360, pack_current=current, odo_km=500), NOTHING)
    assert (parked.kind, parked.km, parked.end) == (Kind.DISCHARGE, 0, START_S + 600)


def broken(odo, fault):
    """Return the odometer with a fault in its middle."""
    odo = odo.copy()
    middle = len(odo) // 2
    odo[middle : middle + fault[1]] = fault[0]
    return odo


@pytest.mark.parametrize(
    "fault", [(0, 1), (0, 45), (np.nan, 45), (999_999, 1), (1003, 1), (3, 1), (1000, 1), (1009.0, 1)]
)
def test_a_broken_odometer_does_not_break_a_drive(fault):
    """Zero, missing, old and odd values: the last valid one counts, and the distance is still 20 km."""
    seconds, signals = driven(minutes=20)
    signals["odo_km"] = broken(signals["odo_km"], fault)
    (drive,) = sessions(trace(seconds, **signals), NOTHING)
    assert (drive.start, drive.end) == (START_S, START_S + 1200)
    assert drive.km == pytest.approx(20, abs=0.2)


def test_a_stale_odometer_that_catches_up_keeps_the_drive():
    """Ten minutes with the same value, then 10 km in one step: driven all along."""
    seconds, signals = driven(minutes=30)
    signals["odo_km"][60:120] = signals["odo_km"][60]
    (drive,) = sessions(trace(seconds, **signals), NOTHING)
    assert (drive.km, drive.end) == (pytest.approx(30), START_S + 1800)


def test_a_lasting_jump_or_rollback_is_a_new_start():
    """With a new instrument cluster the distance goes on from the new value; the step itself adds none."""
    for level in (-800, 50_000):
        seconds, signals = driven(minutes=20)
        signals["odo_km"][60:] += level
        assert travelled(trace(seconds, **signals))[-1] == pytest.approx(20, abs=0.2)


def test_a_gap_closes_a_session_at_the_last_reading_before_it():
    """Silent for 300 s in the middle of a charge: two charges, and the gap is none (soc rose by 2.9)."""
    seconds = np.concatenate((np.arange(0, 601, 30), np.arange(900, 1501, 30)))
    soc = np.where(seconds <= 600, 50, 52.9)
    readings = trace(seconds, soc=soc, pack_voltage=400, pack_current=-20, odo_km=500)
    assert brief(sessions(readings, NOTHING)) == [
        (Kind.CHARGE, False, 0, 600),
        (Kind.CHARGE, False, 900, 1500),
    ]


@pytest.mark.parametrize(
    ("soc", "km", "expected"),
    [
        (3.0, 0, Kind.CHARGE),
        (2.9, 0, None),
        (-20, 2.0, Kind.DRIVE),
        (0, 1.9, None),
        (3, 2, Kind.UNOBSERVED),
    ],
)
def test_what_must_have_happened_in_a_gap(soc, km, expected):
    """Soc up by 3 is a charge, 2 km are a drive, and both together are unobserved."""
    readings = trace(
        [0, 10, 7200, 7210], soc=[30, 30, 30 + soc, 30 + soc], odo_km=[900, 900, 900 + km, 900 + km]
    )
    found = sessions(readings, NOTHING)
    assert brief(found) == ([(expected, True, 10, 7200)] if expected else [])
    if found:
        assert (found[0].soc_from, found[0].soc_to, found[0].km) == (30, 30 + soc, km)
        assert (found[0].kwh_in, found[0].kwh_out, found[0].coverage, found[0].samples) == (None, None, 0, 2)


def test_an_inferred_charges_energy_needs_the_packs_energy_and_a_soh():
    """50 % of 24 kWh at 80 % health are 9.6 kWh; of an unknown health 12, marked; without 24 no estimate."""
    gap = {"soc": [30, 80], "odo_km": 900}
    pack = Profile(energy_kwh=24)
    assert sessions(trace([0, 7200], soh=80, **gap), pack)[0].kwh_in == pytest.approx(9.6)
    assert sessions(trace([0, 7200], soh=80, **gap), pack)[0].energy_from == "soc"
    (nominal,) = sessions(trace([0, 7200], **gap), pack)
    assert (nominal.kwh_in, nominal.energy_from) == (pytest.approx(12), "soc_nominal")
    assert (nominal.kwh_in_low, nominal.kwh_in_high) == pytest.approx((0.49 * 24 * 0.7, 0.51 * 24))
    assert sessions(trace([0, 7200], soh=80, **gap), NOTHING)[0].kwh_in is None


def test_a_signal_missing_at_the_edge_of_a_gap():
    """The first readings after a gap lack soc and odometer: a rise over the gap still counts."""
    soc, odo = [30, np.nan, np.nan, 60], [900, np.nan, np.nan, 950]
    (found,) = sessions(trace([0, 10, 7200, 7230], soc=soc, odo_km=odo), NOTHING)
    assert (found.kind, found.start, found.end) == (Kind.UNOBSERVED, START_S + 10, START_S + 7200)
    assert (found.soc_from, found.soc_to, found.km) == (30, 60, 50)


def test_soc_glitches_are_left_out():
    """A 0 for 60 s or 5 readings is no value, also at the edge of a silence; a real step over a gap stays."""
    soc = [50, 50, 0, 50, 50, 0, 90, 90]
    cleaned = without_glitches(trace([0, 30, 60, 90, 120, 150, 9000, 9030], soc=soc))
    assert np.array_equal(cleaned, [50, 50, np.nan, 50, 50, np.nan, 90, 90], equal_nan=True)
    long = [50, 50, 0, 0, 0, 0, 50, 0, 50]
    cleaned = without_glitches(trace([0, 5, 10, 20, 40, 64, 65, 70, 75], soc=long))
    assert np.array_equal(np.isnan(cleaned), np.array(long) == 0)
    lasting = [50, 50, *[0] * 6, 50, 50]
    times = [0, 5, *range(10, 70, 10), 71, 76]
    assert np.array_equal(without_glitches(trace(times, soc=lasting)), lasting)
    assert np.isnan(without_glitches(trace(times[:2] + times[3:], soc=lasting[:2] + lasting[3:]))[2:7]).all()
    real = [50, 90, 50]
    assert np.array_equal(without_glitches(trace([0, 9000, 18_000], soc=real)), real)


@pytest.mark.parametrize("seconds", [[], [0], [0, 10]])
def test_hardly_any_readings_are_no_session(seconds):
    """Few or no readings give no session and no error."""
    assert sessions(trace(seconds, soc=50, pack_current=-20, odo_km=5), NOTHING) == []


_FIVE_KM_LESS = -5.0
BROKEN = st.sampled_from([0.0, np.nan, _FIVE_KM_LESS, 1e6])


@st.composite
def lives(draw):
    """Stretches of driving, charging and rest, with gaps, missing values and broken odometers between."""
    parts, odo, soc = [], 1000.0, 50.0
    for _ in range(draw(st.integers(1, 8))):
        count, step = draw(st.integers(1, 60)), draw(st.sampled_from([1, 10, 30, 61, 299, 300, 4000]))
        current = draw(st.sampled_from([-50, -2, 0, 6, 60, np.nan]))
        kmh = draw(st.sampled_from([0, 0, 30, 100]))
        for _ in range(count):
            odo, soc = odo + kmh * step / 3600, min(100, max(0, soc - current / 100 if current else soc))
            parts.append((step, soc, current, odo))
    steps, socs, currents, odos = (np.array(column, float) for column in zip(*parts, strict=True))
    # Places of broken values, not a choice for each of the 480 readings: those draws took most of the time.
    for place, shown in draw(st.lists(st.tuples(st.integers(0, 479), BROKEN), max_size=40)):
        odos[place % len(odos)] = shown if shown != _FIVE_KM_LESS else odos[place % len(odos)] - 5
    return trace(np.cumsum(steps), soc=socs, pack_voltage=360, pack_current=currents, odo_km=odos, soh=90)


@given(lives())
def test_sessions_never_overlap_always_close_and_leave_no_energy_out(drawn):
    """In order of time, within the trace; energy of sessions + energy of the rest = energy of the whole."""
    found = sessions(drawn, Profile(capacity_ah=60, energy_kwh=24))
    rest = np.ones(len(drawn) - 1, bool)
    pairs, whole = Pairs.of(drawn), totals(drawn)
    for each in found:
        assert drawn.ts[0] <= each.start < each.end <= drawn.ts[-1]
        assert (drawn.ts[each.first], drawn.ts[each.last]) == (each.start, each.end)
        rest[each.first : each.last] = False
    for earlier, later in pairwise(found):
        assert earlier.end <= later.start
    for name in ("kwh_in", "kwh_out"):
        in_sessions = sum(getattr(each, name) or 0 for each in found if not each.inferred)
        left = getattr(pairs, name)[rest].sum()
        assert in_sessions + left == pytest.approx(getattr(whole, name), abs=1e-9)


@given(lives())
def test_the_way_never_falls(drawn):
    """The distance never falls, for any odometer."""
    way = travelled(drawn)
    assert np.isnan(way).all() or (way[0] == 0 and (np.diff(way) >= 0).all())


def test_a_charge_ends_after_300_s_without_a_known_current():
    """Other signals went on for ten minutes, the current did not: two charges."""
    current = np.full(181, -20.0)
    current[60:120] = np.nan
    readings = trace(10 * np.arange(181), pack_voltage=400, pack_current=current, odo_km=500)
    assert brief(sessions(readings, NOTHING)) == [
        (Kind.CHARGE, False, 0, 590),
        (Kind.CHARGE, False, 1200, 1800),
    ]


@pytest.mark.parametrize("lost", [np.nan, 0])
@pytest.mark.parametrize("rise", [0.1, 0.4])
def test_a_charge_whose_odometer_is_missing_is_a_charge(lost, rise):
    """The distance that the odometer shows an hour later was driven after the charge, not during it."""
    seconds = np.arange(0, 4201, 30)
    odo = np.where(seconds < 60, 100, np.where(seconds <= 3600, lost, 100 + rise + (seconds - 3600) / 100))
    readings = trace(
        seconds, odo_km=odo, pack_voltage=360, pack_current=np.where(seconds <= 3600, -30, 40), soc=50
    )
    charge, drive = sessions(readings, NOTHING)
    assert brief([charge]) == [(Kind.CHARGE, False, 0, 3600)]
    assert (charge.km, charge.kwh_in) == (0, pytest.approx(10.8, abs=0.1))
    assert (drive.kind, drive.start, drive.kwh_in) == (Kind.DRIVE, START_S + 3600, pytest.approx(0, abs=0.05))


def test_a_jump_after_a_charge_is_not_driven_while_charging():
    """50 minutes at one value, then 5 km in one step: a charge; with ten minutes of road between, both."""
    seconds = np.arange(0, 3601, 30)
    for charged, found in ((3570, ["charge"]), (3000, ["charge", "drive"])):
        readings = trace(
            seconds,
            odo_km=np.where(seconds < 3600, 100.3, 105.3),
            pack_voltage=360,
            pack_current=np.where(seconds <= charged, -30, 40),
        )
        charge, *drives = sessions(readings, NOTHING)
        assert [charge.kind, *(each.kind for each in drives)] == found
        assert (charge.start, charge.end, charge.km) == (START_S, START_S + charged, 0)
        assert [(each.start, each.km) for each in drives] == [(START_S + charged, 5)] * len(drives)


def test_parked_without_an_odometer_is_no_drive():
    """100 m found after an hour of missing values were not driven in that hour."""
    seconds = np.arange(0, 3601, 30)
    odo = np.where(seconds < 60, 100.3, np.where(seconds < 3600, np.nan, 100.4))
    assert sessions(trace(seconds, odo_km=odo, pack_voltage=360, pack_current=0.5), NOTHING) == []


@pytest.mark.parametrize("step", [1, 10, 30])
@pytest.mark.parametrize("odo", [500.3, np.nan])
def test_a_pulsed_charge_is_one_charge(step, odo):
    """A minute on and a minute off for four hours, once it has begun; the rules see the same charge."""
    seconds = np.arange(0, 4 * 3600, step)
    steady = 700 if np.isnan(odo) else 200
    current = np.where((seconds < steady) | (seconds // 60 % 2 == 0), -30.0, 0.0)
    readings = trace(seconds, pack_voltage=400, pack_current=current, odo_km=odo)
    (charge,) = sessions(readings, NOTHING)
    last = seconds[current < 0][-1]
    assert (charge.kind, charge.start, charge.end) == (Kind.CHARGE, START_S, START_S + last)
    assert charge.kwh_in == pytest.approx(totals(readings).kwh_in, abs=0.06)
    assert np.array_equal(charging(readings, NOTHING), seconds <= last)


@pytest.mark.parametrize("odometer", ["whole km", "none"])
def test_a_slow_descent_is_no_charge(odometer):
    """150 s of 20 A in at 20 km/h: an odometer of whole km may stand still all that time."""
    seconds = np.arange(0, 1801, 5)
    descent = (seconds >= 905) & (seconds < 1075)
    odo = np.floor(1000 + seconds / 180) if odometer == "whole km" else np.nan
    readings = trace(seconds, odo_km=odo, pack_voltage=360, pack_current=np.where(descent, -20, 20))
    assert [each.kind for each in sessions(readings, NOTHING)] == [Kind.DRIVE]
    assert not charging(readings, NOTHING).any()


def test_driving_off_ends_a_charge_also_with_whole_km():
    """The first km after a charge, with braking in it, belongs to the drive."""
    seconds = np.arange(0, 1501, 5)
    current = np.where(seconds <= 600, -20, np.where(seconds % 60 < 10, -20, 20))
    odo = 500 + np.floor(np.maximum(seconds - 600, 0) / 180)
    charge, drive = sessions(trace(seconds, pack_voltage=360, pack_current=current, odo_km=odo), NOTHING)
    assert (charge.kind, charge.start, charge.end) == (Kind.CHARGE, START_S, START_S + 605)
    assert (drive.kind, drive.km) == (Kind.DRIVE, 5)


@pytest.mark.parametrize("begin", [0, 0.1, 0.3, 0.7, 321.9])
def test_exactly_200_m_part_two_charges(begin):
    """0.2 km is reached despite its binary representation, at any distance from the first reading."""
    current = np.array([0] * 2 + [-20] * 31 + [0] * 10 + [-20] * 31)
    odo = 500 + np.select([np.arange(74) < 1, np.arange(74) < 38], [0, begin], begin + 0.2).round(1)
    seconds = 10 * np.arange(74) + np.where(np.arange(74) < 1, 0, 7200)
    readings = trace(seconds, pack_voltage=400, pack_current=current, odo_km=odo)
    assert [each.kind for each in sessions(readings, NOTHING) if not each.inferred] == [Kind.CHARGE] * 2


def test_a_nonsense_odometer_does_not_part_a_charge():
    """One value or several that no car can have driven to."""
    for count in (1, 5):
        odo = np.full(121, 500.3)
        odo[60 : 60 + count] = 999_999
        readings = trace(np.arange(0, 3601, 30), pack_voltage=400, pack_current=-20, odo_km=odo)
        assert brief(sessions(readings, NOTHING)) == [(Kind.CHARGE, False, 0, 3600)]
