"""Five recorded drives of a BMW i3: the figures that its engineers would expect.

The recording is not part of the project: BMW_TRIPS names it, or it lies in ../shared/data.
"""

import csv
from datetime import datetime

import numpy as np
import pytest

from shared.diagnostics.consumption import consumption
from shared.diagnostics.gaps import blocks
from shared.diagnostics.resistance import resistance
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from tests.traces import SIGNALS, TRIPS

pytestmark = pytest.mark.skipif(
    not TRIPS.exists(), reason=f"the recorded BMW trips are not at {TRIPS} (BMW_TRIPS names another place)"
)
I3 = Profile(series_cells=96, capacity_ah=60)


@pytest.fixture(scope="module")
def recording():
    with TRIPS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ts = np.array([datetime.fromisoformat(row["ts"]).timestamp() for row in rows])
    return Trace(ts, ts, *(np.array([float(row[name] or "nan") for row in rows]) for name in SIGNALS))


@pytest.fixture(scope="module")
def trips(recording):
    block = blocks(recording.ts)
    ends = [recording.ts[block == number][[0, -1]] for number in range(block[-1] + 1)]
    return [recording.between(*each) for each in ends]


def test_one_drive_per_trip_and_hardly_a_second_lost(trips):
    """Five trips, five drives, coverage above 0.99."""
    assert len(trips) == 5
    for trip in trips:
        (drive,) = sessions(trip, I3)
        assert (drive.kind, drive.inferred) == (Kind.DRIVE, False)
        assert drive.coverage > 0.99
        assert drive.km == pytest.approx(trip.odo_km[-1] - trip.odo_km[0], abs=0.01)


def test_resistance_warm_and_cold(trips):
    """62 to 72 mOhm at 26 °C, above 100 at 12 °C."""
    by_temp = {trip.max_temp[0]: resistance(trip) for trip in trips}
    assert 0.062 <= by_temp[26].ohm <= 0.072
    assert by_temp[12].ohm > 0.100


def test_resistance_is_the_same_once_normalised(trips):
    """From 12 to 29 °C, all five within 65 to 80 mOhm at 25 °C."""
    found = [resistance(trip) for trip in trips]
    assert all(each.sampling_ok for each in found)
    assert all(0.065 <= each.ohm_at_25 <= 0.080 for each in found)


def test_consumption_of_each_trip(trips):
    """14 to 20 kWh/100 km, the cold one the most."""
    found = [consumption(trip, sessions(trip, I3)).kwh_per_100_km for trip in trips]
    assert all(14 <= each <= 20 for each in found)
    assert max(found) == found[-1]


def test_the_whole_recording_has_the_same_drives(recording, trips):
    """Months apart: the silences between are no drives."""
    drives = [each for each in sessions(recording, I3) if each.kind is Kind.DRIVE]
    assert len(drives) == len(trips)
    assert not any(each.inferred for each in drives)
