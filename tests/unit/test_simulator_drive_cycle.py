from itertools import pairwise
from random import Random

import pytest

from scripts.simulator.battery_pack import BatteryPack
from scripts.simulator.drive_cycle import EXTRA_HIGH, HIGH, LOW, MEDIUM, WLTP_LIKE, Trip, route, speeds
from scripts.simulator.road_load import battery_power, wheel_power


@pytest.mark.parametrize(
    ("phase", "seconds", "mean_kmh"),
    [(LOW, 589, 18.9), (MEDIUM, 433, 39.5), (HIGH, 455, 56.7), (EXTRA_HIGH, 323, 92.0)],
)
def test_phase_has_its_length_and_mean_speed(phase, seconds, mean_kmh):
    """Each phase is as long and as fast on average as that of the WLTP, from rest to rest."""
    profile = speeds((phase,))
    assert sum(leg for leg, _ in phase.legs) == seconds == len(profile) - 1
    assert sum(profile) / seconds * 3.6 == pytest.approx(mean_kmh)
    assert profile[0] == profile[-1] == 0
    assert min(profile) >= 0


def test_cycle_is_one_that_a_car_can_drive():
    """1800 s, 23.3 km, up to 130 km/h, and no acceleration that a person would complain of."""
    profile = speeds(WLTP_LIKE)
    assert len(profile) == 1801
    assert sum(profile) / 1000 == pytest.approx(23.3, abs=0.1)
    assert 125 < max(profile) * 3.6 < 135
    assert all(-1.5 < after - before < 1.6 for before, after in pairwise(profile))


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_cycle_at_25_degrees_costs_what_the_real_car_does(step):
    """14.8 kWh/100 km, soc 90 to 75, -56 to 137 A and 374 to 394 V, within the made-up cycle's tolerances."""
    pack, trip = BatteryPack(soc=90, soh=100, temp=25), Trip(speeds(WLTP_LIKE))
    joules = km = 0.0
    currents, voltages = [], []
    while trip.remaining > 1e-6:
        before = trip.speed
        trip.advance(step)
        mean, acceleration = (before + trip.speed) / 2, (trip.speed - before) / step
        pack.carry(pack.current_at_power(battery_power(mean, acceleration)), step, 25)
        joules += pack.voltage * pack.current * step
        km += mean * step / 1000
        currents.append(pack.current)
        voltages.append(pack.voltage)
    assert joules / 3.6e6 / km * 100 == pytest.approx(14.8, abs=1)
    assert pack.soc == pytest.approx(75, abs=2)
    assert min(currents) == pytest.approx(-56, rel=0.1)
    assert max(currents) == pytest.approx(137, rel=0.1)
    assert min(voltages) == pytest.approx(374, abs=3)
    assert max(voltages) == pytest.approx(394, abs=3)


def test_road_load_at_a_steady_speed():
    """At 100 km/h on the level: rolling 122 N and drag 402 N, through 88 %, and 0.3 kW besides."""
    assert wheel_power(100 / 3.6, 0) == pytest.approx(14_540, rel=0.01)
    assert battery_power(100 / 3.6, 0) == pytest.approx(14_540 / 0.88 + 300, rel=0.01)
    assert battery_power(0, 0) == 300


def test_braking_gives_seventy_percent_back():
    """Of the power at the wheels, 70 % reach the battery."""
    assert battery_power(15, -1) == pytest.approx(0.7 * wheel_power(15, -1) + 300)


@pytest.mark.parametrize("km", [3, 6, 12, 25, 60])
def test_route_is_about_as_long_as_asked(km):
    """Whole phases come within one slow phase of the requested length."""
    phases = route(km, Random("route"))
    assert sum(phase.km for phase in phases) == pytest.approx(km, abs=LOW.km)
