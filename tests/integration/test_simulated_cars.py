"""Days of simulated cars at 1 s to 30 s: sessions, capacity and resistance against the simulated pack."""

import pytest

from scripts.simulator.battery_pack import ohmic_resistance
from shared.diagnostics.capacity import capacity
from shared.diagnostics.charge_windows import charge_windows
from shared.diagnostics.resistance import resistance
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.traces import DAY_S, Car, every


def test_simulated_days_are_cut_the_same_at_1_s_and_30_s():
    """Drives and charges are the same at 1 s and 30 s, with ends within two samples."""
    life = Car("a").live(3 * 86_400, 1)
    fine, coarse = (sessions(each, Profile(capacity_ah=60)) for each in (life, every(30, life)))
    kinds = [each.kind for each in fine]
    assert min(kinds.count(Kind.DRIVE), kinds.count(Kind.CHARGE)) >= 1
    assert [each.kind for each in coarse] == kinds
    for one, other in zip(fine, coarse, strict=True):
        assert one.start == pytest.approx(other.start, abs=61)
        assert one.end == pytest.approx(other.end, abs=61)
        assert not one.inferred


@pytest.mark.parametrize(("seed", "step"), [("a", 10), ("b", 10), ("c", 30), ("h", 30)])
def test_a_simulated_cars_capacity(seed, step):
    """The capacity is within 3 % of the simulated pack's."""
    car = Car(seed)
    readings = car.live(7 * DAY_S, step)
    found = capacity(charge_windows(readings, sessions(readings, Profile())))
    assert found.ah == pytest.approx(car.pack.capacity_ah, rel=0.03)


@pytest.mark.parametrize("seed", "abc")
def test_a_simulated_cars_resistance(seed):
    """At 1 s within 5 % of the simulated pack's figure at 25 °C, in any weather."""
    car = Car(seed)
    found = resistance(car.live(2 * DAY_S, 1))
    assert found.sampling_ok
    assert found.ohm_at_25 == pytest.approx(ohmic_resistance(25, car.pack.soh), rel=0.05)
