"""Wrong odometers: a wrong value is no journey, at any rhythm, on any day and odometer."""

import numpy as np
import pytest

from shared.diagnostics.battery import battery
from shared.diagnostics.cleaning import clean
from shared.diagnostics.missing import Missing
from shared.diagnostics.odometer_steps import farthest_km, resolution_km
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.judged import FULL, judged
from tests.variants import told, ways

NOTHING = Profile()
ODOMETER = {Code.ODO_ROLLBACK, Code.ODO_JUMP, Code.ODO_ZERO}


def codes(readings):
    return {each.code for each in judged(readings)} & ODOMETER


@ways([1, 0.5, 0.1, 0.01])
def test_a_wrong_value_between_polls_is_no_drive(step, how):
    """22161, twice 20795.4, then 22162.2: at most 1.2 km were driven, and the odometer went back."""
    hours = np.array([8, 8 + 1 / 6, 9 + 1 / 6, 18]) * step
    readings = told(3600 * hours, soc=60, odo_km=[22161, 20795.4, 20795.4, 22162.2], **how)
    assert sum(each.km for each in sessions(readings, NOTHING)) <= 1.2
    assert codes(readings) == {Code.ODO_ROLLBACK}
    assert clean(readings).removed.odo_wrong == 2


@ways([3600, 10, 60, 600])
@pytest.mark.parametrize("begins", [0, 1], ids=["begins in km", "begins in miles"])
@pytest.mark.parametrize("count", [48, 49])
def test_km_and_miles_by_turns_are_no_drive(step, how, begins, count):
    """A parked car whose odometer flips between two units."""
    km = 159.0 + (41_376.4 if how.get("elsewhere") else 0)
    odo = np.where((np.arange(count) + begins) % 2, km / 1.609344, km).round(1)
    how = {"jitter": how.get("jitter", False)}
    readings = told(step * np.arange(count), odo_km=odo, soc=60, pack_voltage=360, pack_current=0.5, **how)
    assert sessions(readings, FULL) == []
    assert isinstance(battery(readings, FULL).consumption, Missing)


@ways([30, 1, 60, 200, 600, 3600])
@pytest.mark.parametrize("current", [0.5, np.nan])
def test_a_step_that_is_taken_back_is_a_jump_and_no_drive(step, how, current):
    """100 km more for three readings, after 40 minutes parked, and back."""
    parked = max(2, round(2400 / step))
    odo = np.array([30_000.0] * parked + [30_100] * 3 + [30_000] * parked)
    readings = told(
        step * np.arange(len(odo)), odo_km=odo, soc=60, pack_voltage=360, pack_current=current, **how
    )
    assert sessions(readings, NOTHING) == []
    assert codes(readings) == {Code.ODO_JUMP}


@ways([30, 5, 10, 50])
@pytest.mark.parametrize("minutes", [70, 80, 120])
def test_an_odometer_that_tells_at_the_end_of_the_trip(step, how, minutes):
    """The odometer stands still on the drive of 105 km, and then catches up: one drive, no jump."""
    driving = round(60 * minutes / step)
    odo = np.where(np.arange(driving + 10) < driving, 30_000.0, 30_105.0)
    current = np.where(np.arange(driving + 10) < driving, 60, 0.5)
    readings = told(
        step * np.arange(driving + 10), odo_km=odo, pack_voltage=360, pack_current=current, soc=60, **how
    )
    (drive,) = sessions(readings, NOTHING)
    assert (drive.kind, drive.inferred, drive.km) == (Kind.DRIVE, False, pytest.approx(105))
    assert drive.end - drive.start == pytest.approx(60 * minutes, abs=3 * step)
    assert codes(readings) == set()


def test_what_was_driven_before_a_rest_is_not_spread_over_it():
    """Parked for eight hours, driven for one, all km at the end: the drive has all of the distance."""
    seconds = np.arange(0, 33_000, 30)
    driving = (seconds >= 28_800) & (seconds < 32_400)
    odo = np.where(seconds < 32_400, 500.0, 580.0)
    readings = told(seconds, odo_km=odo, pack_voltage=360, pack_current=np.where(driving, 50, 0.3), soc=60)
    (drive,) = sessions(readings, NOTHING)
    assert drive.km == pytest.approx(80)
    assert 3500 <= drive.end - drive.start <= 3700
    assert codes(readings) == set()


def coarse(seconds, speed_kmh, unit, start=20_000.0):
    """Return an odometer that shows whole units of `unit` km."""
    hours = np.diff(seconds, prepend=seconds[0]) / 3600
    way = start + np.cumsum(np.broadcast_to(speed_kmh, seconds.shape) * hours)
    return (np.floor(way / unit + 1e-9) * unit).round(3)


@ways([10, 1, 5, 30])
@pytest.mark.parametrize("unit", [1.0, 1.609344])
def test_a_long_descent_is_no_charge(step, how, unit):
    """45 minutes at 40 km/h with 15 A in, the odometer of whole miles or km: one drive."""
    seconds = np.arange(0, 4500, step, float)
    current = np.where((seconds >= 900) & (seconds < 3600), -15.0, 25.0)
    start = 20_000.0 + (41_376.4 if how.get("elsewhere") else 0)
    readings = told(
        seconds,
        odo_km=coarse(seconds, 40, unit, start),
        pack_voltage=360,
        pack_current=current,
        soc=60,
        jitter=how.get("jitter", False),
    )
    (drive,) = sessions(readings, NOTHING)
    assert (drive.kind, drive.inferred) == (Kind.DRIVE, False)
    assert drive.km == pytest.approx(50, abs=2 * unit)


@ways([10, 1, 5, 30])
@pytest.mark.parametrize("unit", [1.0, 1.609344])
def test_a_jam_does_not_part_a_drive(step, how, unit):
    """20 minutes of road, 30 minutes at 1 km/h, 20 minutes of road, by whole km or miles: one drive."""
    seconds = np.arange(0, 4200, step, float)
    jam = (seconds >= 1200) & (seconds < 3000)
    start = 20_000.0 + (41_376.4 if how.get("elsewhere") else 0)
    creeping = np.where(seconds % 120 < 20, 12.0, 1.5)
    readings = told(
        seconds,
        odo_km=coarse(seconds, np.where(jam, 1, 60), unit, start),
        pack_voltage=360,
        pack_current=np.where(jam, creeping, 40),
        soc=60,
        jitter=how.get("jitter", False),
    )
    (drive,) = sessions(readings, NOTHING)
    assert (drive.kind, drive.km) == (Kind.DRIVE, pytest.approx(40.5, abs=2 * unit))
    parked = told(
        seconds,
        odo_km=coarse(seconds, np.where(jam, 0, 60), unit, start),
        pack_voltage=360,
        pack_current=np.where(jam, 0.4, 40),
        soc=60,
    )
    assert [each.kind for each in sessions(parked, NOTHING)] == [Kind.DRIVE] * 2


def test_a_longer_time_never_allows_less():
    """3 km are as possible in 35 s as in 25 s."""
    seconds = np.concatenate((np.arange(0.1, 100, 0.1), np.arange(100, 7200, 7)))
    assert (np.diff(farthest_km(seconds)) >= 0).all()
    for apart in (25, 35, 55, 100, 3600):
        readings = told(np.array([0, 30, 30 + apart, 60 + apart]), odo_km=[500, 500, 503, 503], soc=60)
        assert codes(readings) == set()
        readings = told(np.array([0, 30, 30 + apart, 60 + apart]), odo_km=[500, 500, 800, 800], soc=60)
        assert codes(readings) == {Code.ODO_JUMP}


@pytest.mark.parametrize("start", [5.0, 20_000.0, 987_654.0])
@pytest.mark.parametrize("unit", [0.001, 0.1, 1.0, 1.609344, 5.0])
def test_resolution(unit, start):
    """The smallest step seen, rounded to 0.1 km or not."""
    seconds = np.arange(0, 7200, 10, float)
    odo = coarse(seconds, 60, unit, start)
    assert resolution_km(odo) == pytest.approx(unit, rel=0.02, abs=0.2 if unit < 0.1 else 0)
    if unit > 1:
        assert resolution_km(odo.round(1)) == pytest.approx(unit, abs=0.05)


def test_polls_do_not_make_a_fine_odometer_coarse():
    """Hourly values of one to 0.1 km."""
    way = 12_000 + np.cumsum(np.random.default_rng(3).uniform(3, 60, 50))
    assert resolution_km(way.round(1)) == 0.1
    assert resolution_km(np.floor(way)) == 1
    assert resolution_km(np.array([20_000.0, np.nan, 0])) == 1
    assert resolution_km(np.array([])) == 0.1


@pytest.mark.parametrize("stale", [1, 2, 3])
def test_the_fewer_values_are_wrong(stale):
    """Driven from 1000 to 1060 km between two polls; later some polls show the old value again."""
    odo = np.array([1000.0] * 4 + [1060] * 4 + [1000] * stale + [1060] * 4)
    cleaned = clean(told(3600 * np.arange(len(odo)), odo_km=odo))
    assert np.array_equal(np.isnan(cleaned.trace.odo_km), (np.arange(len(odo)) >= 8) & (odo == 1000))
    assert cleaned.removed.odo_wrong == stale


def test_a_lasting_rollback_keeps_both_sides():
    """A new instrument cluster: the distances before and after it count, and it is not left out."""
    seconds = np.arange(0, 7200, 30, float)
    odo = (20_000 + seconds / 60).round(1)
    odo[120:] -= 15_000
    cleaned = clean(told(seconds, odo_km=odo))
    assert np.array_equal(cleaned.trace.odo_km, odo)
    assert cleaned.removed.odo_wrong == 0


def test_distances_between_values_that_are_taken_back_are_kept():
    """500 km too much for an hour of driving: shifted, the values give the distance of the road."""
    seconds = np.arange(0, 7200, 30, float)
    way = (20_000 + seconds / 60).round(1)
    odo = np.where((seconds >= 1800) & (seconds < 5400), way + 500, way)
    cleaned = clean(told(seconds, odo_km=odo))
    assert np.nanmax(np.abs(cleaned.trace.odo_km - way)) <= 0.6
    assert not np.isnan(cleaned.trace.odo_km).any()
    assert cleaned.removed.odo_wrong == 120


PACK = Profile(energy_kwh=24)


@ways([3600, 600, 7200, 36_000])
@pytest.mark.parametrize(
    ("km", "soc", "kind"),
    [
        (111, (83, 84), Kind.UNOBSERVED),
        (111, (83, 83), Kind.UNOBSERVED),
        (7265, (80, 40), Kind.UNOBSERVED),
        (7265, (np.nan, np.nan), Kind.UNOBSERVED),
        (60, (83, 50), Kind.DRIVE),
        (4, (83, 83.5), Kind.DRIVE),
        (60, (np.nan, np.nan), Kind.DRIVE),
    ],
)
def test_a_distance_that_soc_does_not_explain_is_unobserved(step, how, km, soc, kind):
    """111 km while soc rose, and 7,265 km in 288 days: the car was charged, too."""
    silence = 288 * 86_400 if km > 5000 else 5 * 3600
    seconds = np.concatenate((step * np.arange(5), 4 * step + silence + step * np.arange(5)))
    odo = np.where(np.arange(10) < 5, 12_000.0, 12_000 + km)
    readings = told(seconds, odo_km=odo, soc=np.repeat(soc, 5), soh=100, **how)
    (found,) = sessions(readings, PACK)
    assert (found.kind, found.inferred, found.km) == (kind, True, pytest.approx(km))
    assert (found.kwh_in, found.kwh_in_low) == (None, None)


def test_the_least_energy_of_an_unobserved_charge():
    """A drive of 40 km took 20 % and 6 kWh; 111 km with soc up by 1 % need 16.65 + 0.24 kWh at 24 kWh."""
    seconds = np.append(np.arange(0, 2401, 10), [20_000, 20_010])
    driving = np.minimum(seconds, 2400)
    odo = 12_000 + driving / 60 + np.where(seconds > 2400, 111, 0)
    soc = 80 - driving / 120 + np.where(seconds > 2400, 1, 0)
    readings = told(seconds, odo_km=odo, soc=soc, soh=100, pack_voltage=360, pack_current=25)
    drive, found = sessions(readings, PACK)
    assert (drive.km, drive.kwh_out) == (pytest.approx(40), pytest.approx(6))
    assert (found.kind, found.kwh_in_low) == (Kind.UNOBSERVED, pytest.approx(16.65 + 0.24, rel=0.01))
    # 2 kWh per 100 km of 24 kWh are 9.25 %, less 2 % of tolerance.
    for fall, kind in ((7.2, Kind.UNOBSERVED), (7.3, Kind.DRIVE)):
        readings.soc[-2:] = 60 - fall
        assert sessions(readings, PACK)[-1].kind is kind


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_readings(count):
    """Too few to leave a value out: no session, no episode, no error."""
    readings = told(10 * np.arange(count), odo_km=500, soc=50, soh=90)
    assert clean(readings).trace.odo_km.tolist() == [500] * count
    assert judged(readings) == []
    assert sessions(readings, NOTHING) == []
