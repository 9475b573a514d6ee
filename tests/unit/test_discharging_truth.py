"""Energy out of a parked car, and drives that few readings show: jittered, elsewhere, at other rhythms."""

import numpy as np
import pytest

from shared.diagnostics.session import EnergyFrom, Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.variants import told, ways

NOTHING = Profile()
FULL = Profile(capacity_ah=60, energy_kwh=22, series_cells=96)
HOUR = 3600


def kinds(readings, profile=NOTHING):
    return [each.kind for each in sessions(readings, profile)]


@ways([30, 5, 60, 300])
@pytest.mark.parametrize("profile", [NOTHING, FULL])
@pytest.mark.parametrize("odo", [20_000.4, 20_000.0])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_energy_out_of_a_parked_car_is_a_discharge(step, how, profile, odo, noise):
    """18 A for two hours, the odometer known: 13.3 kWh into a house or a device."""
    seconds = np.arange(0, 4 * HOUR, step, float)
    flows = (seconds >= HOUR) & (seconds <= 3 * HOUR)
    chance = np.random.default_rng(4).normal(0, noise, len(seconds))
    readings = told(
        seconds,
        pack_current=np.where(flows, 18 + chance, 0.3),
        pack_voltage=370,
        soc=np.floor(80 - np.clip(seconds / HOUR - 1, 0, 2) * 30),
        odo_km=odo,
        **how,
    )
    (found,) = sessions(readings, profile)
    assert (found.kind, found.inferred, found.km, found.parts) == (Kind.DISCHARGE, False, 0, 1)
    assert (found.kwh_in, found.kwh_out) == (0, pytest.approx(18 * 0.37 * 2, rel=0.03))
    assert found.kwh_out_low * 0.98 <= 18 * 0.37 * 2 <= found.kwh_out_high * 1.02
    assert found.peak_kw == pytest.approx(18 * 0.37, rel=0.5 if noise else 0.01)


@ways([10, 5, 30, 60])
@pytest.mark.parametrize("odo", [20_000.4, 20_000.0])
@pytest.mark.parametrize("gap", [False, True])
def test_a_current_between_equal_odometers_is_no_drive(step, how, odo, gap):
    """31 rows of 10 A without an odometer, in the middle of rest or between two silences."""
    seconds = step * np.arange(91.0)
    inside = (np.arange(91) >= 30) & (np.arange(91) < 61)
    if gap:
        seconds += np.where(np.arange(91) >= 30, 20_000, 0) + np.where(np.arange(91) >= 61, 20_000, 0)
    readings = told(
        seconds,
        pack_current=np.where(inside, 10, 0.3),
        pack_voltage=370,
        soc=60,
        odo_km=np.where(inside, np.nan, odo),
        **how,
    )
    (found,) = sessions(readings, NOTHING)
    assert (found.kind, found.km) == (Kind.DISCHARGE, 0)
    assert found.kwh_out == pytest.approx(3.7 * 30 * step / HOUR, rel=0.1)


@ways([10, 1, 30, 60])
@pytest.mark.parametrize("odo", ["fine", "whole km"])
def test_a_discharge_between_two_drives(step, how, odo):
    """Two hours of a house between two drives of half an hour: neither drive is longer for it."""
    seconds = np.arange(0, 4 * HOUR, step, float)
    driving = (seconds < 1800) | (seconds > 3 * HOUR + 1800)
    house = (seconds > HOUR) & (seconds < 3 * HOUR)
    way = 20_000.4 + np.cumsum(np.where(driving, 50 / HOUR, 0) * np.diff(seconds, prepend=0))
    current = np.where(driving, 25 + 20 * np.sin(seconds / 7), np.where(house, 12, 0.4))
    odo_km = np.floor(way) if odo == "whole km" else np.floor(10 * way + 1e-6) / 10
    readings = told(
        seconds,
        pack_current=current,
        pack_voltage=370,
        soc=np.floor(90 - seconds / 400),
        odo_km=odo_km + (41_376 if how.get("elsewhere") else 0),
        jitter=how.get("jitter", False),
    )
    one, found, other = sessions(readings, NOTHING)
    assert [one.kind, found.kind, other.kind] == [Kind.DRIVE, Kind.DISCHARGE, Kind.DRIVE]
    assert found.kwh_out == pytest.approx(12 * 0.37 * 2, rel=0.03)
    assert one.end - one.start == pytest.approx(1800, abs=120 + 2 * step)


@ways([30, 10, 60, 5])
def test_charged_and_discharged_in_turn(step, how):
    """V2G: two hours in, two hours out, with five minutes between: a charge and a discharge."""
    seconds = np.arange(0, 5 * HOUR, step, float)
    inward = (seconds > 1000) & (seconds < 1000 + 2 * HOUR)
    outward = (seconds > 1300 + 2 * HOUR) & (seconds < 1300 + 4 * HOUR)
    soc = 50 + np.clip((seconds - 1000) / HOUR, 0, 2) * 8 - np.clip((seconds - 1300) / HOUR - 2, 0, 2) * 8
    readings = told(
        seconds,
        pack_current=np.where(inward, -18, np.where(outward, 18, 0.2)),
        pack_voltage=370,
        soc=np.floor(soc),
        odo_km=20_000.4,
        **how,
    )
    assert kinds(readings) == [Kind.CHARGE, Kind.DISCHARGE]


@ways([30, 1, 10, 60])
def test_a_wrong_sign_is_no_discharge(step, how):
    """40 A out while soc rises: the sign is in doubt, and no energy was taken."""
    count = round(9000 / step)
    readings = told(
        step * np.arange(count),
        pack_current=40,
        pack_voltage=370,
        soc=np.round(40 + 30 * np.arange(count) / count, 1),
        odo_km=20_000.4,
        **how,
    )
    assert Kind.DISCHARGE not in kinds(readings)
    assert Kind.DRIVE not in kinds(readings)


@ways([60, 10, 300, 600])
def test_a_minute_of_climate_is_nothing(step, how):
    """One reading of 20 A in a parked night."""
    count = 60
    current = np.where(np.arange(count) == 30, 20.0, 0.3)
    readings = told(
        step * np.arange(count), pack_current=current, pack_voltage=370, soc=60, odo_km=20_000.4, **how
    )
    assert kinds(readings) == []


@ways([300, 120, 600, 900])
@pytest.mark.parametrize("minutes", [70, 120])
def test_an_odometer_that_tells_late_by_a_step_that_a_car_can_drive(step, how, minutes):
    """Parked, then 60 A with the odometer standing still, and 80 km at the end: one drive of all the time."""
    driving = round(60 * minutes / step)
    number = np.arange(driving + 20)
    inside = (number >= 10) & (number < 10 + driving)
    readings = told(
        step * number,
        odo_km=np.where(number < 10 + driving, 30_000.0, 30_080.0),
        pack_current=np.where(inside, 60, 0.5),
        pack_voltage=360,
        soc=90 - np.clip(number - 10, 0, driving),
        **how,
    )
    (drive,) = sessions(readings, NOTHING)
    assert (drive.kind, drive.inferred, drive.km) == (Kind.DRIVE, False, pytest.approx(80))
    assert drive.end - drive.start == pytest.approx(60 * minutes, abs=2 * step + 1)


@ways([1800, 900, 1200, 2700])
@pytest.mark.parametrize("soh", [np.nan, 90])
def test_silences_of_one_drive_are_joined(step, how, soh):
    """Three polls on a drive, among readings every minute while parked: one drive, its energy by soc."""
    rest = 60 * np.arange(20.0)
    seconds = np.concatenate((rest, rest[-1] + step * np.arange(1, 5), rest[-1] + 4 * step + 60 + rest))
    km = np.interp(np.arange(44), [19, 23], [0, 60 * 4 * step / HOUR]).round(1)
    soc = np.interp(np.arange(44), [19, 23], [90, 30])
    readings = told(seconds, odo_km=20_000.4 + km, soc=soc, soh=soh, **how)
    (drive,) = sessions(readings, FULL)
    assert (drive.kind, drive.inferred, drive.km) == (Kind.DRIVE, True, pytest.approx(km[-1]))
    kwh = 0.6 * 22 * (1 if np.isnan(soh) else 0.9)
    assert (drive.kwh_in, drive.kwh_out) == (None, pytest.approx(kwh))
    assert drive.kwh_out_low < kwh < drive.kwh_out_high
    assert drive.energy_from is (EnergyFrom.SOC_NOMINAL if np.isnan(soh) else EnergyFrom.SOC)


@ways([86_400, 36_000, 43_200, 20_000])
def test_drives_of_different_days_are_not_joined(step, how):
    """30 km from poll to poll, each of them hours apart: as many drives."""
    odo = 20_000.4 + 30 * np.arange(8)
    readings = told(step * np.arange(8), odo_km=odo, soc=90 - 10 * np.arange(8), **how)
    assert [(each.kind, each.km) for each in sessions(readings, FULL)] == [(Kind.DRIVE, 30)] * 7


@ways([10, 5, 20, 30])
def test_the_energy_of_an_inferred_drive_by_its_distance(step, how):
    """40 km with 6 kWh were read, then 50 km without a soc: they take 60 to 160 % of the usual energy."""
    seconds = np.append(np.arange(0, 2401, step), [20_000, 20_000 + step])
    driving = np.minimum(seconds, 2400)
    odo = 12_000.4 + driving / 60 + np.where(seconds > 2400, 50, 0)
    readings = told(seconds, odo_km=odo, pack_voltage=360, pack_current=25, **how)
    seen, found = sessions(readings, FULL)
    assert (seen.km, seen.kwh_out) == (pytest.approx(40), pytest.approx(6, rel=0.4 if how else 0.01))
    assert (found.kind, found.inferred, found.kwh_out) == (Kind.DRIVE, True, None)
    usual = 50 * seen.kwh_out / seen.km
    assert (found.kwh_out_low, found.kwh_out_high) == pytest.approx((0.6 * usual, 1.6 * usual), rel=0.001)


@ways([300, 60, 120, 600])
@pytest.mark.parametrize("before", [92, 94])
def test_a_correction_at_a_full_battery_is_no_charge(step, how, before):
    """LFP at rest, whose soc steps to 100: as SOC_RECALIBRATED says, no energy flowed."""
    soc = np.where(np.arange(40) < 20, before, 100)
    readings = told(step * np.arange(40), soc=soc, pack_current=-0.5, pack_voltage=340, odo_km=12_000, **how)
    assert kinds(readings, FULL) == []
    # Three hours on the plug, within which no reading has a current, are a charge.
    seconds = step * np.arange(40) + np.where(np.arange(40) < 20, 0, 30_000)
    readings = told(seconds, soc=soc, pack_current=-0.5, pack_voltage=340, odo_km=12_000, **how)
    assert kinds(readings, FULL) == [Kind.CHARGE]
