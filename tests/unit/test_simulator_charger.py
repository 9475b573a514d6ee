import pytest

from scripts.simulator.battery_pack import BatteryPack
from scripts.simulator.charger import FULL_VOLTAGE, Charger, braking_current, cold_share


def test_fast_charge_takes_as_long_and_gets_as_warm_as_the_real_one():
    """46 kW from 10 to 80 %: about 21 minutes, to about 39 °C."""
    pack, charger = BatteryPack(soc=10, soh=95, temp=25), Charger(46_000, 80)
    seconds, hottest, powers = 0, 0.0, []
    while not charger.done(pack):
        pack.carry(charger.current(pack), 1, 25)
        seconds += 1
        hottest = max(hottest, pack.max_temp)
        powers.append(-pack.voltage * pack.current)
    assert seconds / 60 == pytest.approx(21, abs=3)
    assert hottest == pytest.approx(39, abs=3)
    assert max(powers) == pytest.approx(46_000, rel=0.01)


def test_end_of_a_charge_holds_the_voltage_down_to_a_trickle():
    """Towards full the terminals stay at 96 * 4.15 V and the current falls to C/33."""
    pack, charger = BatteryPack(soc=90, soh=95, temp=25), Charger(46_000, 101)
    highest = 0.0
    while not charger.done(pack):
        pack.carry(charger.current(pack), 1, 25)
        highest = max(highest, pack.voltage)
    assert highest == pytest.approx(FULL_VOLTAGE, abs=0.2)
    assert -pack.current == pytest.approx(60 / 33, rel=0.05)
    assert pack.soc == pytest.approx(100, abs=1)


def test_current_is_limited():
    """A point that could give more power is held to its highest current."""
    pack = BatteryPack(soc=10, soh=95, temp=25)
    assert Charger(150_000, max_current=125).current(pack) == -125


def test_cold_pack_charges_slowly():
    """Below 0 °C the limits shrink, but never to nothing."""
    assert cold_share(5) == 1
    assert cold_share(-10) == pytest.approx(0.5)
    assert cold_share(-40) == pytest.approx(0.05)
    warm, cold = (Charger(46_000).current(BatteryPack(soc=30, soh=95, temp=temp)) for temp in (10, -10))
    assert cold / warm == pytest.approx(0.5, abs=0.05)


def test_full_pack_takes_little_from_braking():
    """Braking never lifts the cells over 4.20 V, and driving is left alone."""
    full = BatteryPack(soc=100, soh=95, temp=10)
    current = braking_current(full, -90)
    full.carry(current, 1, 10)
    assert -90 < current < 0
    assert full.voltage <= 96 * 4.205
    assert braking_current(full, 120) == 120
    assert braking_current(BatteryPack(soc=50, soh=95, temp=-20), -60) > -6
