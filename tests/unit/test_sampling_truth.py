"""Sources of any rhythm: each case with its right value, jittered, on another day, and at other rhythms."""

from functools import cache

import numpy as np
import pytest

from shared.diagnostics.capacity import capacity
from shared.diagnostics.charge_windows import charge_windows
from shared.diagnostics.cleaning import clean
from shared.diagnostics.consumption import consumption
from shared.diagnostics.episodes import episodes
from shared.diagnostics.integrals import totals
from shared.diagnostics.quality import quality
from shared.diagnostics.resistance import resistance
from shared.diagnostics.rule import Code
from shared.diagnostics.session import EnergyFrom, Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.battery_model import CHARGE, DAY, DRIVES, day
from tests.rhythms import times, variants
from tests.traces import trace

NOTHING = Profile()
ODO = 12_345.6


def stories(step):
    return pytest.mark.parametrize(("step", "jitter", "first"), variants(step))


def socs(ts, begin, end):
    """Return a soc in whole percent that rises evenly from `begin` to `end`."""
    return np.floor(begin + (end - begin) * (ts - ts[0]) / (ts[-1] - ts[0]) + 1e-9)


@stories(60.5)
def test_a_charge_at_60_5_s(step, jitter, first):
    """An hour of 18 A at 390 V: 7.08 kWh at 60.5 s, and all its charge in the throughput."""
    ts = times(step, 61, jitter=jitter, first=first)
    readings = trace(ts, soc=socs(ts, 40, 55), pack_voltage=390, pack_current=-18, odo_km=ODO)
    (charge,) = sessions(readings, NOTHING)
    true = 18 * 390 * (ts[-1] - ts[0]) / 3.6e6
    assert (charge.kind, charge.inferred, charge.coverage) == (Kind.CHARGE, False, 1)
    assert charge.kwh_in == pytest.approx(true)
    assert charge.kwh_in_low == pytest.approx(true)
    assert charge.kwh_in_high == pytest.approx(true)
    assert charge.sampling_ok
    assert totals(readings).ah_in == pytest.approx(18 * (ts[-1] - ts[0]) / 3600)
    if (step, jitter) == (60.5, 0):
        assert charge.kwh_in == pytest.approx(7.08, abs=0.005)


@stories(600)
def test_a_charge_at_600_s(step, jitter, first):
    """10 A at 700 V: one charge of about 46 kWh; parked before and after, its ends widen the band."""
    ts = times(step, 60, jitter=jitter, first=first)
    flows = (np.arange(60) >= 10) & (np.arange(60) < 50)
    soc = np.round(30 + 1.5 * np.cumsum(flows), 1)
    readings = trace(ts, soc=soc, pack_voltage=700, pack_current=np.where(flows, -10.0, 0), odo_km=ODO)
    (charge,) = sessions(readings, NOTHING)
    true = 7 * (ts[49] - ts[10]) / 3600
    assert (charge.kind, charge.inferred) == (Kind.CHARGE, False)
    assert (charge.start, charge.end) == (readings.ts[10], readings.ts[49])
    assert charge.kwh_in == pytest.approx(true)
    # It may have begun an interval earlier, and ended one later.
    assert true < charge.kwh_in_high < true * 1.08
    if (step, jitter) == (600, 0):
        assert charge.kwh_in == pytest.approx(45.5)


@stories(600)
def test_a_slow_charge_whose_steps_are_small(step, jitter, first):
    """Every 600 s 1 % and 12 A: one charge from 40 to 80 %."""
    ts = times(step, 41, jitter=jitter, first=first)
    readings = trace(ts, soc=40.0 + np.arange(41), pack_current=-12, odo_km=ODO)
    (charge,) = sessions(readings, NOTHING)
    assert (charge.kind, charge.soc_from, charge.soc_to) == (Kind.CHARGE, 40, 80)


@stories(900)
def test_a_charge_without_a_current(step, jitter, first):
    """Every 15 min soc from 60 to 79: one inferred charge."""
    ts = times(step, 20, jitter=jitter, first=first)
    readings = trace(ts, soc=60.0 + np.arange(20), odo_km=ODO)
    (charge,) = sessions(readings, NOTHING)
    assert (charge.kind, charge.inferred, charge.soc_from, charge.soc_to) == (Kind.CHARGE, True, 60, 79)


@stories(2_400)
def test_a_charge_by_rare_polls(step, jitter, first):
    """Soc 20, 30, .., 80 every 40 min at one odometer: one charge."""
    ts = times(step, 7, jitter=jitter, first=first)
    readings = trace(ts, soc=20 + 10.0 * np.arange(7), odo_km=ODO)
    (charge,) = sessions(readings, NOTHING)
    assert (charge.kind, charge.inferred, charge.soc_from, charge.soc_to) == (Kind.CHARGE, True, 20, 80)


@stories(3_600)
def test_two_months_of_a_cloud_account(step, jitter, first):
    """Soc and odometer hourly: 15 charges, not 30, each with the nominal energy, which is marked."""
    ts = times(step, round(60 * 86_400 / step), jitter=jitter, first=first)
    day, hour = (ts - ts[0]) // 86_400, (ts - ts[0]) % 86_400 / 3_600
    evenings = day % 4 == 3
    since = day % 4 * 24 + hour
    # 40 km a day from 8 to 9 h, 12 % of soc; plugged in on every fourth evening at 18 h, 48 % in 3 h.
    driven = day + np.clip(hour - 8, 0, 1)
    soc = 90 - 12 * (day % 4 + np.clip(hour - 8, 0, 1)) + evenings * np.clip((hour - 18) / 3, 0, 1) * 48
    readings = trace(ts, soc=np.floor(soc + 1e-6), odo_km=20_000 + np.floor(40 * driven))
    assert since.max() > 90
    found = sessions(readings, Profile(energy_kwh=60))
    charges = [each for each in found if each.kind is Kind.CHARGE]
    assert len(charges) == 15
    for charge in charges:
        assert charge.inferred
        assert charge.kwh_in == pytest.approx(0.48 * 60, abs=0.7)
        assert charge.kwh_in_low < 0.48 * 60 < charge.kwh_in_high
        assert charge.energy_from is EnergyFrom.SOC_NOMINAL
    assert sum(each.km for each in found if each.kind is Kind.DRIVE) == pytest.approx(60 * 40, abs=41)


@stories(60)
def test_a_day_that_is_thinned_out(step, jitter, first):
    """Net energy and consumption within their bands; logged all the time, and no silence or sign in doubt."""
    lived = day(seed=5)
    readings = lived.read(times(step, int(DAY / step) - 1, jitter=jitter, first=first % 60 + step))
    total, used = totals(readings), consumption(readings, sessions(readings, NOTHING))
    true = lived.kw.sum() / 3_600
    assert total.kwh - total.kwh_down <= true <= total.kwh + total.kwh_up
    true = sum(lived.kw[begin : begin + length].sum() for begin, length in DRIVES) / 3_600
    odo = lived.columns["odo_km"]
    km = sum(odo[begin + length] - odo[begin] for begin, length in DRIVES)
    assert used.kwh_per_100_km_low <= 100 * true / km <= used.kwh_per_100_km_high
    assert (used.drives, used.km) == (2, pytest.approx(km, abs=0.2))
    assert quality(readings, clean(readings).removed).logged_share == 1
    assert episodes(readings, NOTHING, [Code.DATA_GAP, Code.SIGN_SUSPECT])[0] == []


def test_logged_two_thirds_of_the_time():
    """A source of 60 s that drops out for half an hour at a time: one figure, besides the cut drives."""
    ts = times(60, 1_400, jitter=0.05)
    ts = ts[ts % 5_400 < 3_600]
    readings = trace(ts, odo_km=ODO)
    found = quality(readings, clean(readings).removed)
    assert found.logged_share == pytest.approx(2 / 3, abs=0.02)
    assert found.gaps == 15


SLOW = [(step, jitter or 0.01, first) for each in (31, 60) for step, jitter, first in variants(each)]


@pytest.mark.parametrize(("step", "jitter", "first"), [(30, 1 / 30, 0.0), (300, 0.05, 0.0), *SLOW])
def test_the_capacity_from_slow_charges(step, jitter, first):
    """54 Ah, from three charges of 35 A with a soc of whole percent: within 2.5 %, with a spread."""
    charge = times(step, round(4_200 / step), jitter=jitter)
    ts = first + np.concatenate([charge + day * 86_400 for day in range(3)])
    soc = 15 + 35 * (charge - charge[0]) / 3_600 / 54 * 100
    noise = np.random.default_rng(4).normal(0, 0.3, len(ts))
    soc = np.floor(np.concatenate([soc, soc + 1.3, soc + 2.6]))
    readings = trace(ts, soc=soc, pack_current=-35 + noise, pack_voltage=380, odo_km=ODO)
    found = capacity(charge_windows(readings, sessions(readings, NOTHING)))
    assert (found.ah, found.n) == (pytest.approx(54, rel=0.025), 3)
    assert 0 < found.spread_ah < 3


@cache
def pack_in_steps():
    """Return current and voltage of a pack of 60 mOhm at once and 30 more within some 20 s, every 0.1 s."""
    count = 200_100
    chance = np.random.default_rng(2)
    change = np.cumsum(chance.random(count) < 0.1 / 40)
    current = chance.choice([0.0, 30.0, 60.0, 90.0], change[-1] + 1)[change]
    behind, keep = [0.0], float(np.exp(-0.1 / 20))
    for before in current[:-1].tolist():
        behind.append(keep * behind[-1] + (1 - keep) * before)
    return current, 370 - 0.06 * current - 0.03 * np.array(behind)


def stepped(ts):
    """Return the readings of that pack at these times, up to 20,009 s."""
    place = np.round(ts * 10).astype(int)
    current, volts = pack_in_steps()
    return {"pack_current": current[place], "pack_voltage": volts[place]}


@pytest.mark.parametrize("step", [0.1, 1, 5, 7, 10, 30, 60])
@pytest.mark.parametrize("jitter", [0, 0.05])
@pytest.mark.parametrize("first", [0.0, 9 * 86_400.0])
def test_resistance_by_the_length_of_the_pulse(step, jitter, first):
    """From 60 to 90 mOhm, labelled by its pulse; longer pulses include more of the 30."""
    ts = times(step, int(20_000 / step), jitter=jitter).clip(0)
    found = resistance(trace(first + ts, **stepped(ts)))
    assert found.pulse_s == pytest.approx(max(step, 1), rel=0.11)
    assert 0.058 <= found.ohm <= 0.09
    pulses = {each.seconds: each.ohm for each in found.pulses}
    # Two readings 7 s apart are no pulse of 10 s, nor are three.
    assert list(pulses) == [each for each in (1, 10, 30, 60) if each >= step and (each, step) != (10, 7)]
    assert list(pulses.values()) == sorted(pulses.values())
    if step in pulses:
        assert found.ohm == pytest.approx(pulses[step])
    if step <= 1:
        assert found.ohm == pytest.approx(0.0605, abs=0.001)
        assert pulses[10] == pytest.approx(0.066, abs=0.004)


@pytest.mark.parametrize("jitter", [0, 0.05])
def test_resistance_at_10_hz_in_separate_messages(jitter):
    """Voltage and current in turns, 0.05 s apart: the resistance over a second."""
    ts = times(0.05, 100_000, jitter=jitter).clip(0)
    columns = stepped(ts)
    columns["pack_current"][::2], columns["pack_voltage"][1::2] = np.nan, np.nan
    found = resistance(trace(ts, **columns))
    assert found.ohm == pytest.approx(0.0605, abs=0.001)
    assert found.pulse_s == pytest.approx(1, rel=0.11)


def test_a_current_that_is_lost_while_charging():
    """A third of a charge without its current, while soc rises: one charge, whose band holds it all."""
    lived = day(seed=1)
    readings = lived.read(np.arange(0, DAY, 20.0))
    since = readings.ts - readings.ts[0]
    readings.pack_current[(since > 66_000) & (since < 72_000)] = np.nan
    (charge,) = (each for each in sessions(readings, NOTHING) if each.kind is Kind.CHARGE)
    true = lived.kwh(*CHARGE, -1)
    assert charge.kwh_in < 0.7 * true
    assert charge.kwh_in_low < true < charge.kwh_in_high
    assert not charge.sampling_ok


@pytest.mark.parametrize("step", [60, 300, 600, 1_800])
def test_separate_brakings_are_no_charge(step):
    """Without an odometer few readings a drive may all be braking: soc falls, so it is no charge."""
    lived = day(seed=1)
    readings = lived.read(np.arange(0, DAY, float(step)))
    readings.odo_km[:] = np.nan
    (charge,) = (each for each in sessions(readings, NOTHING) if each.kind is Kind.CHARGE)
    assert charge.soc_to - charge.soc_from > 60


@pytest.mark.parametrize(("step", "jitter", "first"), variants(3_600))
def test_one_reading_of_a_charge_is_no_stuck_voltage(step, jitter, first):
    """The same tenth of a volt through a night, one reading of it from a charge."""
    ts = times(step, 14, jitter=jitter, first=first)
    current = np.where(np.arange(14) == 1, -19.1, 0.0)
    readings = trace(ts, pack_current=current, pack_voltage=386.9, odo_km=ODO)
    assert episodes(readings, NOTHING, [Code.STUCK_SENSOR])[0] == []
