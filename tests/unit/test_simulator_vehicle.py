import re
from datetime import UTC, datetime

import pytest

from scripts.simulator import ageing, fleet
from scripts.simulator.reading import encode
from scripts.simulator.timetable import Timetable
from scripts.simulator.traits import Traits
from scripts.simulator.vehicle import Vehicle
from shared.wire.reading import SIGNALS

START = datetime(2025, 12, 29, 6, tzinfo=UTC)

RANGES = {
    "soc": (0, 100),
    "soh": (0, 100),
    "pack_voltage": (0, 6000),
    "pack_current": (-3000, 3000),
    "max_temp": (-40, 210),
    "min_temp": (-40, 210),
    "odo_km": (0, 999_999.9),
}


def run(*, seed=7, vehicles=3, rate=1.0, duration=120.0, start=START):
    timetable = Timetable(start, vehicles, rate, duration, 0)
    return list(fleet.readings(timetable, seed=seed, vin_prefix="SIM-"))


@pytest.fixture(scope="module")
def week():
    """Simulate a week of three cars, a reading a minute."""
    return [due.reading for due in run(rate=1 / 60, duration=7 * 86_400)]


def test_same_seed_same_bytes():
    """Two runs of one seed and start are the same to the byte; another seed is another fleet."""
    first, again, other = ([encode(due.reading) for due in run(seed=seed)] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_one_car_does_not_depend_on_how_many_there_are():
    """Each vehicle draws from a generator of its own."""
    alone = [due.reading for due in run(vehicles=1)]
    assert alone == [due.reading for due in run(vehicles=4) if due.vin == "SIM-000001"]


def test_every_reading_of_a_week_is_within_the_contract(week):
    """VIN, time and values are such that no reading is refused."""
    assert len(week) == 3 * 7 * 24 * 60
    for reading in week:
        assert list(reading) == ["vin", "ts", *SIGNALS]
        assert re.fullmatch(r"[A-Za-z0-9-]{5,40}", reading["vin"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", reading["ts"])
        for signal, (least, most) in RANGES.items():
            assert least <= reading[signal] <= most
            assert reading[signal] == round(reading[signal], 1)
        assert reading["min_temp"] < reading["max_temp"]


def test_a_week_holds_drives_charges_and_rests(week):
    """Each car drives, charges, and stands still most of the time; the odometer never falls."""
    for vin in {reading["vin"] for reading in week}:
        own = [reading for reading in week if reading["vin"] == vin]
        km = [reading["odo_km"] for reading in own]
        assert km == sorted(km)
        assert 50 < km[-1] - km[0] < 600
        assert sum(reading["pack_current"] < -5 for reading in own) > 30
        assert sum(reading["pack_current"] > 5 for reading in own) > 30
        assert sum(reading["pack_current"] == 0 for reading in own) > len(own) / 2


def test_consumption_on_the_road_is_that_of_a_small_car(week):
    """Energy between the odometer's readings, from the state of charge, is 10 to 20 kWh/100 km."""
    kwh = km = 0.0
    for before, after in zip(week, week[3:], strict=False):
        if after["odo_km"] > before["odo_km"]:
            km += after["odo_km"] - before["odo_km"]
            kwh += (before["soc"] - after["soc"]) / 100 * 60 * before["soh"] / 100 * 0.375
    assert km > 200
    assert 10 < kwh / km * 100 < 20


def test_cars_differ():
    """A fleet at any moment shows different charges, ages and activities."""
    fleet_now = [due.reading for due in run(vehicles=30, duration=1)]
    assert max(car["soc"] for car in fleet_now) - min(car["soc"] for car in fleet_now) > 40
    assert max(car["soh"] for car in fleet_now) - min(car["soh"] for car in fleet_now) > 5
    assert sum(car["pack_current"] > 0.5 for car in fleet_now) >= 3
    assert sum(car["pack_current"] < -2 for car in fleet_now) >= 2
    assert sum(car["pack_current"] == 0 for car in fleet_now) >= 2


def test_long_steps_live_the_same_life():
    """A reading an hour or a reading a minute: distance and charge come out the same."""
    cars = [Vehicle("SIM-000001", "7-0", START.timestamp()) for _ in range(2)]
    for _ in range(24):
        cars[0].advance(3600)
    for _ in range(24 * 60):
        cars[1].advance(60)
    coarse, fine = (car.reading("") for car in cars)
    assert coarse["odo_km"] == pytest.approx(fine["odo_km"], abs=0.1)
    assert coarse["soc"] == pytest.approx(fine["soc"], abs=0.2)


def test_a_quarter_ages_the_car_plausibly():
    """Ninety days cost a car some tenths of a percent of health, not nothing and not percents."""
    car = Vehicle("SIM-000003", "7-2", START.timestamp(), Traits(coarse=True))
    before = car.reading("")["soh"]
    car.advance(90 * 86_400)
    assert 0.1 <= before - car.reading("")["soh"] <= 2.0


def test_health_by_years_and_cycles():
    """A first year of 75 cycles costs 2 to 3 %, eight years of 600 some 9 %, and the fade slows down."""
    first, eighth = ageing.health(365, 75), ageing.health(8 * 365, 600)
    assert 97 < first < 98
    assert 90 < eighth < 92.5
    assert ageing.health(0, 0) == 100
    assert ageing.health(8 * 365, 600, pace=2) == pytest.approx(100 - 2 * (100 - eighth))
