"""Signals that arrive in messages of their own give the diagnoses of whole readings."""

import numpy as np
import pytest

from shared.diagnostics.battery import battery
from shared.diagnostics.between import bounds, interpolated
from shared.diagnostics.episodes import episodes
from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.resistance import resistance
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from tests.traces import SIGNALS, MeteredCar, every, trace

PROFILE = Profile(series_cells=96, capacity_ah=60, energy_kwh=21.6)
TURNS = {
    "pack_current": (2, 0),
    "pack_voltage": (2, 1),
    "soc": (12, 3),
    "odo_km": (6, 5),
    "max_temp": (20, 7),
    "min_temp": (20, 15),
    "soh": (1200, 9),
}
"""For each signal every how many readings it comes, and the first one."""


def apart(whole):
    """Keep of each reading the signals whose turn it is, and the readings that keep any."""
    columns = {name: getattr(whole, name).copy() for name in Trace.__dataclass_fields__}
    place = np.arange(len(whole))
    for name, (step, first) in TURNS.items():
        columns[name][place % step != first] = np.nan
    kept = ~np.all([np.isnan(columns[name]) for name in SIGNALS], axis=0)
    return Trace(*(column[kept] for column in columns.values()))


@pytest.fixture(scope="module")
def driven():
    """Return a day of drives and a charge, with a reading each half second."""
    return MeteredCar(7).live(86_400, 0.5)


def test_sessions_and_battery(driven):
    """The same sessions with the same energy, and the same figures of the battery."""
    whole, torn = every(2, driven), apart(driven)
    assert not np.any(~np.isnan(torn.pack_voltage) & ~np.isnan(torn.pack_current))
    expected, found = sessions(whole, PROFILE), sessions(torn, PROFILE)
    assert {Kind.CHARGE, Kind.DRIVE} <= {one.kind for one in expected}
    assert [one.kind for one in found] == [one.kind for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end), abs=10)
        assert one.km == pytest.approx(other.km, abs=0.2)
        assert one.kwh_in == pytest.approx(other.kwh_in, rel=0.02, abs=0.02)
        assert one.kwh_out == pytest.approx(other.kwh_out, rel=0.02, abs=0.02)
        assert one.peak_kw == pytest.approx(other.peak_kw, rel=0.02)
        assert one.coverage == pytest.approx(other.coverage, abs=0.01)
    one, other = battery(torn, PROFILE), battery(whole, PROFILE)
    assert one.resistance.ohm_at_25 == pytest.approx(other.resistance.ohm_at_25, rel=0.05)
    assert one.consumption.kwh_per_100_km == pytest.approx(other.consumption.kwh_per_100_km, rel=0.01)
    assert one.passport.cycles.count == pytest.approx(other.passport.cycles.count, rel=0.01)
    assert one.passport.hours_hot == pytest.approx(other.passport.hours_hot, abs=0.01)


def test_no_rule_fires_for_the_tearing(driven):
    """A healthy day has the same episodes, whole or torn."""
    found, expected = (
        [(one.code, one.severity) for one in episodes(of, PROFILE)[0]]
        for of in (apart(driven), every(2, driven))
    )
    assert found == expected


def in_turns(seconds, **signals):
    """Build readings with one signal each: of n signals every n-th one."""
    whole = trace(seconds, **signals)
    place = np.arange(len(whole))
    columns = {name: getattr(whole, name).copy() for name in Trace.__dataclass_fields__}
    for turn, name in enumerate(signals):
        columns[name][place % len(signals) != turn] = np.nan
    return Trace(*columns.values())


def codes(readings, *wanted, **profile):
    """Return the codes of the episodes by these rules."""
    return [one.code for one in episodes(readings, Profile(**profile), wanted)[0]]


def test_spread_of_two_cells_in_turns():
    """A spread is found; an outlier of either cell alone, at one reading, is none."""
    seconds = np.arange(0, 600, 15.0)
    assert codes(in_turns(seconds, max_temp=40, min_temp=25), Code.TEMP_SPREAD) == [Code.TEMP_SPREAD]
    healthy = in_turns(seconds, max_temp=26, min_temp=25)
    for name, value in (("max_temp", 90.0), ("min_temp", -30.0)):
        odd = in_turns(seconds, max_temp=26, min_temp=25)
        place = np.flatnonzero(~np.isnan(getattr(healthy, name)))[8]
        getattr(odd, name)[place] = value
        assert codes(odd, Code.TEMP_SPREAD) == []


def test_the_capacity_in_turns():
    """24 A for an hour raise soc by 40 %: 60 Ah, from a soc and a current that never come together."""
    seconds = np.arange(0, 3600.1, 2.0)
    charge = in_turns(seconds, pack_current=-24, soc=30 + seconds / 90, pack_voltage=370, odo_km=10_000.4)
    assert battery(charge, PROFILE).capacity.ah == pytest.approx(60, rel=0.001)


def test_charging_hot_and_cold_in_turns():
    """The current is known between its readings, at the readings of the temperature."""
    seconds = np.arange(0, 1200, 5.0)
    hot = in_turns(seconds, pack_current=-50, odo_km=10_000.4, max_temp=47)
    assert codes(hot, Code.TEMP_HIGH_CHARGING) == [Code.TEMP_HIGH_CHARGING]
    cold = in_turns(seconds, pack_current=-50, odo_km=10_000.4, min_temp=-5)
    assert codes(cold, Code.COLD_CHARGING) == [Code.COLD_CHARGING]


def test_a_voltage_that_stands_still_in_turns():
    """Only its own readings count: five of the same voltage, not the moments of the current between."""
    seconds = np.arange(0, 300, 5.0)
    current = 40 * np.sin(seconds / 20)
    stuck = in_turns(seconds, pack_voltage=np.where(seconds < 5, 361.3, 360.1), pack_current=current)
    assert codes(stuck, Code.STUCK_SENSOR) == [Code.STUCK_SENSOR]
    lively = in_turns(seconds, pack_voltage=370.04 - np.round(0.1 * current, 1), pack_current=current)
    assert codes(lively, Code.STUCK_SENSOR) == []


def test_the_wrong_sign_in_turns():
    """Energy and distance of a day, each signal on its own."""
    seconds = np.arange(0, 1800, 2.0)
    flipped = in_turns(seconds, pack_voltage=370, pack_current=-40, odo_km=10_000 + seconds / 60)
    assert codes(flipped, Code.SIGN_SUSPECT) == [Code.SIGN_SUSPECT]


def steps(apart_s, every_s, *, blips=0.0):
    """Build a current that alternates every `every_s`, and its voltage (over 80 mOhm), read later.

    `blips` is the amplitude of a current within each interval that only the voltage sees.
    """
    at = np.arange(0, 400 * every_s, every_s)
    current = 40.0 * (np.arange(len(at)) % 2)
    ts = np.sort(np.concatenate((at, at + apart_s)))
    is_current = np.isin(ts, at)
    passing = np.where(np.arange(len(at)) % 3 == 0, blips, 0.0)
    volts, amps = np.full(len(ts), np.nan), np.full(len(ts), np.nan)
    amps[is_current] = current
    volts[~is_current] = 370 - 0.08 * (current + passing)
    return trace(ts, pack_voltage=volts, pack_current=amps)


def test_resistance_of_a_voltage_read_soon_after_its_current():
    """0.06 of the interval later the current is that of the voltage; further apart there is no figure."""
    assert resistance(steps(0.3, 5.0)).ohm == pytest.approx(0.08)
    assert resistance(steps(0.3, 5.0, blips=10)).ohm == pytest.approx(0.08, rel=0.1)
    later = resistance(steps(2.5, 5.0))
    assert isinstance(later, InsufficientData)
    assert "no voltage has a current of its moment" in later.reason


@pytest.mark.parametrize("every_s", [7.0, 10.0, 30.5, 60.0])
def test_resistance_of_slow_separate_messages(every_s):
    """The same at slower rhythms, labelled by the pulse; a current half an interval away is no current."""
    found = resistance(steps(0.06 * every_s, every_s))
    assert (found.ohm, found.pulse_s) == (pytest.approx(0.08), pytest.approx(every_s))
    assert found.sampling_ok is (every_s <= 10)
    assert isinstance(resistance(steps(0.5 * every_s, every_s)), InsufficientData)


def test_resistance_by_a_steady_current():
    """Between two like currents a voltage belongs to them, also a second away from both."""
    seconds = np.arange(0, 2000, 1.0)
    current = np.where(seconds // 4 % 2, 60.0, 20.0)
    turns = in_turns(seconds, pack_current=current, pack_voltage=370 - 0.08 * current)
    assert resistance(turns).ohm == pytest.approx(0.08)


def test_between_two_readings():
    """Known between near neighbours, by the rhythm of the signal; unknown beyond its first and last."""
    ts = np.arange(0, 100, 10.0)
    signal = np.array([np.nan, 1.0, np.nan, 3.0, np.nan, np.nan, np.nan, 3.0, 5.0, np.nan])
    filled = interpolated(ts, signal, 30)
    assert filled.tolist()[1:4] == [1, 2, 3]
    assert np.isnan(filled[[0, 4, 5, 6, 9]]).all()
    lower, higher = bounds(ts, signal, 40)
    assert (lower[2], higher[2]) == (1, 3)
    assert (lower[5], higher[5]) == (3, 3)
    assert np.isnan(signal[2])


@pytest.mark.parametrize("interval", [1, 24, 100, 600, 3_600])
def test_the_rhythm_of_a_signal(interval):
    """Known over 2.5 times its own interval, at least 60 s and at most 2.5 h; four readings are no rhythm."""
    own = interval * np.arange(5.0)
    longest = min(max(2.5 * interval, 60), 9_000)
    for silence, is_known in ((longest - 1, True), (longest + 1, False)):
        end = own[-1] + silence
        ts = np.concatenate((own, [end - 0.5, end]))
        signal = np.where(np.isin(ts, [*own, end]), 1.0, np.nan)
        assert np.isnan(interpolated(ts, signal)[-2]) != is_known
        assert np.isnan(interpolated(ts[2:], signal[2:])[-2]) == (silence > 60)
