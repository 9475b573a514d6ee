"""The passport's counters and the consumption, by hand."""

import numpy as np
import pytest

from shared.diagnostics.cleaning import clean
from shared.diagnostics.consumption import consumption
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.passport import passport
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.traces import trace

NO_RESISTANCE = InsufficientData("none")
NOTHING = Profile()


def counters(readings, profile=NOTHING, resistance=NO_RESISTANCE):
    trace = clean(readings).trace
    return passport(trace, sessions(readings, profile), Pairs.of(trace), resistance, profile)


def test_hours_in_heat_and_cold():
    """More than 45 °C, less than 0 °C; a pair across the limit counts by half, an hour of silence not."""
    seconds = [0, 60, 120, 180, 3800, 3860]
    found = counters(trace(seconds, max_temp=[45, 45, 46, 46, 46, 46], min_temp=[0, -1, -1, 0, 5, 5]))
    assert found.hours_hot == pytest.approx((30 + 60 + 60) / 3600)
    assert found.hours_cold == pytest.approx((30 + 60 + 30) / 3600)
    assert (found.hours_hot_charging, found.hours_cold_charging) == (0, 0)


def test_hours_while_charging():
    """Hot for twenty minutes, of which ten at a charger."""
    seconds = np.arange(0, 1201, 30)
    current = np.where(seconds <= 600, -20, 0)
    found = counters(trace(seconds, max_temp=50, pack_current=current, pack_voltage=380, odo_km=5))
    assert (found.hours_hot, found.hours_hot_charging) == (pytest.approx(1 / 3), pytest.approx(1 / 6))
    assert found.hours_cold == InsufficientData("no reading has min_temp")


@pytest.mark.parametrize(
    ("soc", "falls"),
    [
        ([6, 5, 4.9], 1),
        ([6, 5, 5], 0),
        ([4, 3], 0),
        ([6, 4.9, 5.1, 4.9, 5.1, 4.9], 1),
        ([6, 4.9, 7, 4.9], 2),
        ([50, 50, 0, 50, 50], 0),
        ([4, 8, 4], 1),
    ],
)
def test_deep_discharges(soc, falls):
    """Fallen below 5 %; noise about the limit counts once, a single 0 not at all."""
    assert counters(trace(30 * np.arange(len(soc)), soc=soc)).deep_discharges == falls


def test_equivalent_full_cycles():
    """By charge where a capacity is known: 30 Ah out and 30 Ah in of 60 Ah are half a cycle. Else by soc."""
    seconds = np.arange(0, 7201, 10)
    current = np.where(seconds <= 3600, 30, -30)
    soc = 90 - np.minimum(seconds, 7200 - seconds) / 3600 * 50
    readings = trace(seconds, soc=soc, pack_current=current, pack_voltage=380)
    found = counters(readings, Profile(capacity_ah=60))
    assert (found.cycles.count, found.cycles.by) == (pytest.approx(0.5, rel=0.01), "charge")
    assert found.throughput.ah_out == pytest.approx(30, rel=0.01)
    found = counters(readings)
    assert (found.cycles.count, found.cycles.by) == (pytest.approx(0.5), "soc")
    assert isinstance(counters(trace([0, 1])).cycles, Missing)


@pytest.mark.parametrize("seconds", [[], [0]])
def test_hardly_any_readings(seconds):
    """Counters are missing or zero, without an error."""
    found = counters(trace(seconds, soc=50, max_temp=50))
    assert found.throughput.kwh_out == 0
    assert found.hours_cold == InsufficientData(
        "no reading has min_temp" if seconds else "there are no readings in this window"
    )


def used(km, *, kmh=60.0, unit=0.1, share=1.0):
    seconds = np.arange(0, km / kmh * 3600 + 1, 10)
    odo = np.floor((1000 + seconds * kmh / 3600) / unit + 1e-6) * unit
    voltage = np.where(np.arange(len(seconds)) < share * len(seconds), 360, np.nan)
    readings = trace(
        seconds, odo_km=odo, pack_current=np.where(seconds % 20 == 0, 45, 35), pack_voltage=voltage
    )
    return consumption(readings, sessions(readings, NOTHING))


def test_consumption():
    """40 A at 360 V for ten minutes over 10 km: 24 kWh/100 km."""
    found = used(10)
    assert found.kwh_per_100_km == pytest.approx(24, rel=0.01)
    assert (found.km, found.drives) == (pytest.approx(10), 1)


@pytest.mark.parametrize("drive", [{"km": 4, "unit": 1.0}, {"km": 10, "share": 0.5}])
def test_no_consumption_from_what_can_not_tell(drive):
    """4 km by an odometer of whole km, or half of the energy unseen."""
    assert used(**drive).reason.startswith("no drive of at least")


def test_no_consumption_without_a_drive():
    """A parked car."""
    assert isinstance(consumption(trace([0, 30], odo_km=5), []), Missing)


def test_nothing_measured_is_not_zero_hours():
    """With a reading every three hours the hours of heat are unknown; every 90 s they are known."""
    found = counters(trace(np.arange(0, 100_000, 10_800), soc=50, max_temp=70, min_temp=-20))
    assert found.hours_hot == InsufficientData("no two readings near each other have max_temp")
    assert found.hours_cold == InsufficientData("no two readings near each other have min_temp")
    found = counters(trace(np.arange(0, 9_001, 90), soc=50, max_temp=70, min_temp=-20))
    assert (found.hours_hot, found.hours_cold) == (pytest.approx(2.5), pytest.approx(2.5))
