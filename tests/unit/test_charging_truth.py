"""Charges by power, by soc and by a steady current: each case jittered, on another day, at other rhythms."""

from itertools import pairwise

import numpy as np
import pytest

from shared.diagnostics.rule import Code
from shared.diagnostics.session import EnergyFrom, Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.judged import judged
from tests.variants import told, ways

NOTHING = Profile()
HOUR = 3600


def kinds(readings, profile=NOTHING):
    return [each.kind for each in sessions(readings, profile)]


def parked(step, *, before=1.0, hours=10.0, after=1.0, amps, soc=(40.0, 54.0), unit=0.1, noise=0.1, seed=3):
    """Return seconds, current and soc of a parked car that is charged with `amps` for some hours."""
    seconds = np.arange(0, (before + hours + after) * HOUR + step / 2, step)
    charged = np.clip(seconds / HOUR - before, 0, hours) / hours
    flows = (seconds >= before * HOUR) & (seconds <= (before + hours) * HOUR)
    chance = np.random.default_rng(seed).normal(0, noise, len(seconds))
    current = np.where(flows, -amps, 0.15) + chance
    level = soc[0] + (soc[1] - soc[0]) * charged
    return seconds, current, np.floor(level / unit + 1e-9) * unit


SLOW = {
    "granny charger": (1.6, 700, (40, 54), 11.2),
    "capacity 214": (3.4, 350, (40, 56), 11.9),
    "scooter": (1.7, 52, (5, 95), 0.3536),
    "bus": (5.6, 600, (40, 56), 33.6),
}
CAPACITY = {"granny charger": 114, "capacity 214": 214, "scooter": 7.65, "bus": 350}


@ways([60, 10, 300, 600])
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("knows", ["nothing", "capacity", "energy", "all"])
def test_slow_charges(step, how, name, knows):
    """Ten hours (the scooter four) at a low current; a fuller profile never loses it."""
    amps, volts, soc, kwh = SLOW[name]
    capacity = CAPACITY[name]
    profile = Profile(
        capacity_ah=capacity if knows in {"capacity", "all"} else None,
        energy_kwh=capacity * volts / 1000 if knows in {"energy", "all"} else None,
    )
    seconds, current, level = parked(step, amps=amps, soc=soc, hours=4 if name == "scooter" else 10)
    readings = told(seconds, pack_current=current, pack_voltage=volts, soc=level, odo_km=20_000.4, **how)
    (charge,) = sessions(readings, profile)
    assert (charge.kind, charge.inferred, charge.energy_from) == (Kind.CHARGE, False, EnergyFrom.MEASURED)
    assert charge.kwh_in == pytest.approx(kwh, rel=0.04)
    assert charge.kwh_in_low <= kwh <= charge.kwh_in_high * 1.01
    assert (charge.soc_from, charge.soc_to) == (pytest.approx(soc[0], abs=1), pytest.approx(soc[1], abs=1))
    assert charge.parts == 1


@ways([60, 10, 300, 600])
@pytest.mark.parametrize("profile", [NOTHING, Profile(capacity_ah=60), Profile(capacity_ah=350)])
@pytest.mark.parametrize(("amps", "volts"), [(0.6, 400), (1.2, 400), (3.0, 300)])
def test_the_offset_of_a_sensor_is_no_charge(step, how, profile, amps, volts):
    """A current of the sensor alone: soc stands still for twelve hours."""
    seconds, current, _ = parked(step, amps=amps, hours=12)
    readings = told(seconds, pack_current=current - amps, pack_voltage=volts, soc=60, odo_km=20_000.4, **how)
    assert kinds(readings, profile) == []


@ways([60, 10, 300, 600])
def test_soc_that_rises_with_a_low_current_is_a_charge(step, how):
    """0.9 A at 400 V: below every limit of current and power, but soc rises by 8 % meanwhile."""
    seconds, current, level = parked(step, amps=0.9, soc=(40, 48), unit=0.5)
    readings = told(seconds, pack_current=current, pack_voltage=400, soc=level, odo_km=20_000.4, **how)
    (charge,) = sessions(readings, NOTHING)
    assert (charge.kind, charge.kwh_in) == (Kind.CHARGE, pytest.approx(3.6, rel=0.05))
    corrected = np.where(seconds < 6 * HOUR, 40, 48)
    readings = told(seconds, pack_current=current, pack_voltage=400, soc=corrected, odo_km=20_000.4, **how)
    assert [each.inferred for each in sessions(readings, NOTHING)] in ([], [True])


def descent(step, *, stretch, std, seed=1, odo="whole km", kmh=8.0):
    """Return a slow drive with a stretch of braking whose current has the deviation `std`."""
    seconds = np.arange(0, 3000.0, step)
    chance = np.random.default_rng(seed)
    fine = np.arange(0, 3000)
    walk, value = np.empty(len(fine)), 0.0
    for place, each in enumerate(chance.normal(0, std * np.sqrt(1 - np.exp(-2 / 8)), len(fine))):
        value = value * np.exp(-1 / 8) + each
        walk[place] = value
    inward = np.minimum(-2.5, -28 + walk)[seconds.astype(int)]
    braking = (seconds >= 1000) & (seconds < 1000 + stretch)
    way = 20_000.25 + seconds * kmh / HOUR
    if odo == "whole km":
        way = np.floor(way)
    return seconds, np.where(braking, inward, 25 + walk[seconds.astype(int)] / 2), way


@ways([5, 1, 10, 30])
@pytest.mark.parametrize(("stretch", "std"), [(150, 13), (330, 15), (420, 18), (500, 20)])
@pytest.mark.parametrize("odo", ["whole km", "none"])
def test_a_real_descent_is_no_charge(step, how, stretch, std, odo):
    """Long braking at walking pace: the odometer of whole km stands still, the current does not."""
    seconds, current, way = descent(step, stretch=stretch, std=std)
    way = way + (41_376 if how.get("elsewhere") else 0)
    readings = told(
        seconds,
        pack_current=current,
        pack_voltage=360,
        soc=60,
        odo_km=way if odo == "whole km" else np.nan,
        jitter=how.get("jitter", False),
    )
    # Without an odometer 300 s without a pull end a drive.
    assert set(kinds(readings)) == {Kind.DRIVE}


@ways([5, 1, 10, 20])
@pytest.mark.parametrize(
    ("length", "std", "amps"), [(140, 0.25, 8), (200, 0.6, 17), (280, 1.1, 40), (900, 1, 90)]
)
def test_a_real_short_charge_is_one(step, how, length, std, amps):
    """A few minutes of a steady current with an odometer of whole km, between two drives."""
    seconds = np.arange(0, 4000.0 + length, step)
    chance = np.random.default_rng(2).normal(0, std, len(seconds))
    charging = (seconds >= 2000) & (seconds <= 2000 + length)
    driving = (seconds < 1800) | (seconds > 2200 + length)
    way = np.cumsum(np.where(driving, 45 / HOUR, 0) * np.diff(seconds, prepend=0)) + 20_000.4
    pull = 25 + 15 * np.sin(seconds / 7)
    current = np.where(charging, -amps + chance, np.where(driving, pull, 0.5))
    odo = np.floor(way) + (41_376 if how.get("elsewhere") else 0)
    readings = told(
        seconds, pack_current=current, pack_voltage=380, soc=60, odo_km=odo, jitter=how.get("jitter", False)
    )
    drive, charge, other = sessions(readings, NOTHING)
    assert [drive.kind, charge.kind, other.kind] == [Kind.DRIVE, Kind.CHARGE, Kind.DRIVE]
    assert charge.end - charge.start == pytest.approx(length, abs=3 * step)


@ways([10, 1, 30, 60])
@pytest.mark.parametrize(("odo", "kmh"), [("fine", 60), ("whole km", 60), ("whole km", 25), ("whole km", 15)])
@pytest.mark.parametrize("steady", [True, False])
def test_charged_while_driving(step, how, odo, kmh, steady):
    """A range extender, a tow, or a descent of 30 km: current in, and a drive with it; no charge."""
    seconds = np.arange(0, 30 / kmh * HOUR + 1200, step)
    moving = (seconds >= 600) & (seconds < seconds[-1] - 600)
    noise = 0 if steady else 14 * np.sin(seconds / 9) + 5 * np.sin(seconds / 2)
    current = np.where(moving, np.minimum(-22 + noise, 3), 0.5)
    way = 20_000.4 + np.cumsum(np.where(moving, kmh / HOUR, 0) * np.diff(seconds, prepend=0))
    odo_km = np.floor(way) if odo == "whole km" else np.floor(way * 10 + 1e-6) / 10
    soc = 40 + np.clip((seconds - 600) / (seconds[-1] - 1200), 0, 1) * 15
    readings = told(
        seconds,
        pack_current=current,
        pack_voltage=360,
        soc=np.floor(soc),
        odo_km=odo_km + (41_376 if how.get("elsewhere") else 0),
        jitter=how.get("jitter", False),
    )
    (drive,) = sessions(readings, Profile(capacity_ah=60, energy_kwh=22))
    assert (drive.kind, drive.inferred) == (Kind.DRIVE, False)
    assert drive.km == pytest.approx(30, abs=1.1)
    assert drive.kwh_in == pytest.approx(-np.minimum(current, 0).mean() * 0.36 * seconds[-1] / HOUR, rel=0.1)


@ways([10, 1, 5, 20])
@pytest.mark.parametrize("odo", [20_000.4, 20_000.0, np.nan])
def test_pulses_of_solar_surplus(step, how, odo):
    """100 s on, 100 s off, to 6 kWh: one charge in parts."""
    seconds = np.arange(0, 2 * HOUR, step, float)
    on = seconds % 200 < 100
    readings = told(
        seconds,
        pack_current=np.where(on, -16.2, 0.3),
        pack_voltage=370,
        soc=50 + np.floor(seconds / 600),
        odo_km=odo,
        **how,
    )
    (charge,) = sessions(readings, NOTHING)
    assert (charge.kind, charge.inferred, charge.parts) == (Kind.CHARGE, False, 36)
    assert charge.kwh_in == pytest.approx(6, rel=0.06)


@ways([60, 10, 20, 100])
@pytest.mark.parametrize("odo", [20_000.4, 20_000.0, np.nan])
def test_pulses_of_clouds(step, how, odo):
    """4 minutes on, 8 off for 6 hours: one charge of 30 parts; a pause of 16 minutes parts it."""
    seconds = np.arange(0, 6 * HOUR, step, float)
    on = seconds % 720 < 240
    soc = 50 + np.floor(seconds / 1200)
    columns = {"pack_voltage": 370, "soc": soc, "odo_km": odo, **how}
    (charge,) = sessions(told(seconds, pack_current=np.where(on, -10, 0.3), **columns), NOTHING)
    assert (charge.kind, charge.inferred) == (Kind.CHARGE, False)
    assert charge.parts == (30 if not how.get("jitter") else pytest.approx(30, abs=2))
    assert charge.kwh_in == pytest.approx(7.4, rel=0.12)
    on = (seconds < 2 * HOUR) | (seconds >= 2 * HOUR + 1100)
    readings = told(seconds, pack_current=np.where(on, -10, 0.3), **columns)
    assert kinds(readings) == [Kind.CHARGE] * 2


@ways([10, 1, 30, 60])
def test_driving_on_within_a_pause_parts_two_charges(step, how):
    """Ten minutes from one charger to the next, 3 km away."""
    seconds = np.arange(0, 5000.0, step)
    driving = (seconds > 2000) & (seconds < 2600)
    odo = np.round(20_000.4 + np.clip(seconds - 2000, 0, 600) / 200, 1)
    current = np.where(driving, 20.0, -20.0)
    readings = told(seconds, pack_current=current, pack_voltage=370, soc=50, odo_km=odo, **how)
    assert kinds(readings) == [Kind.CHARGE, Kind.DRIVE, Kind.CHARGE]


@ways([10, 1, 30, 60])
@pytest.mark.parametrize("odo", [20_000.4, 20_000.0])
def test_pre_heating_on_the_plug_is_standby(step, how, odo):
    """The heater takes 0.25 kWh, the charger gives back 0.19: soc stays at 80, and no charge is shown."""
    seconds = np.arange(0, 3 * HOUR, step, float)
    heating = (seconds >= HOUR) & (seconds < HOUR + 600)
    charging = (seconds >= HOUR + 600) & (seconds < HOUR + 1320)
    current = np.where(heating, 4.1, np.where(charging, -2.6, 0.2))
    readings = told(seconds, pack_current=current, pack_voltage=370, soc=80, odo_km=odo, **how)
    (standby,) = sessions(readings, Profile(capacity_ah=60, energy_kwh=22))
    assert (standby.kind, standby.inferred) == (Kind.STANDBY, False)
    assert standby.kwh_in == pytest.approx(0.19, abs=0.03)
    assert standby.kwh_out == pytest.approx(0.25, abs=0.03)
    # With more in than out it is a charge.
    current = np.where(heating, 1.1, current)
    assert kinds(told(seconds, pack_current=current, pack_voltage=370, soc=80, odo_km=odo, **how)) == [
        Kind.CHARGE
    ]


@ways([60, 10, 300, 600])
def test_hot_while_charging_without_an_odometer(step, how):
    """The rule and the sessions see the same charge."""
    seconds = np.arange(0, max(3 * HOUR, 20 * step), step, float)
    flows = (seconds > 1000) & (seconds < seconds[-1] - 1000)
    readings = told(
        seconds,
        pack_current=np.where(flows, -20, 0.4),
        pack_voltage=370,
        soc=40 + np.floor(seconds / 900),
        max_temp=48,
        min_temp=46,
        **how,
    )
    (charge,) = sessions(readings, NOTHING)
    (episode,) = judged(readings, Code.TEMP_HIGH_CHARGING, NOTHING)
    assert episode.started_at.timestamp() == pytest.approx(charge.start)
    assert charge.end <= episode.ended_at.timestamp() <= charge.end + max(900, 2.6 * step)


@ways([3600, 600, 7200, 36_000])
@pytest.mark.parametrize(
    ("soh", "source", "kwh"), [(np.nan, EnergyFrom.SOC_NOMINAL, 12), (80, EnergyFrom.SOC, 9.6)]
)
def test_an_inferred_charge_of_an_unknown_soh(step, how, soh, source, kwh):
    """30 to 80 % over a silence: the nominal energy, marked."""
    soc = np.where(np.arange(8) < 4, 30, 80)
    seconds = step * np.arange(8) + np.where(np.arange(8) < 4, 0, 30_000)
    readings = told(seconds, soc=soc, soh=soh, odo_km=20_000.4, **how)
    (charge,) = sessions(readings, Profile(energy_kwh=24))
    assert (charge.kind, charge.inferred, charge.energy_from) == (Kind.CHARGE, True, source)
    assert charge.kwh_in == pytest.approx(kwh)
    assert charge.kwh_in_low < charge.kwh_in < charge.kwh_in_high


@ways([60, 10, 120, 300])
def test_a_low_current_beside_a_strong_one(step, how):
    """Three hours of 1 A, one of 20 A, three of 1 A, while soc rises: three charges that do not overlap."""
    seconds = np.arange(0, 9 * HOUR, step, float)
    amps = np.select(
        [seconds < HOUR, seconds < 4 * HOUR, seconds < 5 * HOUR, seconds < 8 * HOUR], [0, 1, 20, 1], 0
    )
    soc = 20 + np.cumsum(np.where(amps == 20, 30, 2 * amps) / HOUR * np.diff(seconds, prepend=0))
    readings = told(
        seconds,
        pack_current=-amps.astype(float),
        pack_voltage=400,
        soc=np.floor(soc * 2) / 2,
        odo_km=20_000.4,
        **how,
    )
    found = sessions(readings, NOTHING)
    assert [each.kind for each in found] == [Kind.CHARGE] * 3
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert sum(each.kwh_in for each in found) == pytest.approx(26 * 0.4, rel=0.12)
