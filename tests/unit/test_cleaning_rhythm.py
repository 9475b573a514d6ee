"""Cleaning and sessions over silences follow the rhythm of a source, as gaps and valid pairs do."""

import numpy as np
import pytest

from shared.diagnostics.cleaning import clean
from shared.diagnostics.odometer import travelled
from shared.diagnostics.session import EnergyFrom, Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.rhythms import times, variants
from tests.traces import trace

PACK = Profile(energy_kwh=24)


@pytest.mark.parametrize(("step", "jitter", "first"), variants(3_600))
@pytest.mark.parametrize(
    ("km", "soc", "kind"),
    [
        (60, (83, 84), Kind.UNOBSERVED),
        (60, (83, 83), Kind.UNOBSERVED),
        (60, (83, 50), Kind.DRIVE),
        (60, (83, np.nan), Kind.DRIVE),
        (4, (83, 83), Kind.DRIVE),
    ],
)
def test_between_two_polls_of_a_regular_source(step, jitter, first, km, soc, kind):
    """60 km while soc rose are unobserved as over a gap; a soc that is missing did not stand still."""
    ts = times(step, 16, jitter=jitter, first=first)
    late = np.arange(16) >= 8
    socs = np.where(late, soc[1], soc[0])
    socs[9:] = 50 if np.isnan(soc[1]) else socs[9:]
    (found,) = sessions(trace(ts, odo_km=12_000.0 + km * late, soc=socs, soh=100), PACK)
    assert (found.kind, found.inferred, found.km) == (kind, True, pytest.approx(km))
    assert (found.start, found.end) == tuple(trace(ts[7:9]).ts)


def test_one_field_has_the_lower_end_and_the_least_energy():
    """A measured charge has both ends of its band; an unobserved session only the least energy."""
    seconds = np.concatenate((np.arange(0, 2401, 10), [20_000], np.arange(20_010, 23_620, 10)))
    driving, charging = np.minimum(seconds, 2400), seconds >= 20_010
    odo = 12_000 + driving / 60 + np.where(seconds > 2400, 111, 0)
    soc = 60 + 20 * (1 - driving / 2400) + (seconds > 2400) + np.where(charging, (seconds - 20_010) / 180, 0)
    current = np.where(charging, -12.0, 25.0)
    readings = trace(seconds, odo_km=odo, soc=soc, soh=100, pack_voltage=360, pack_current=current)
    drive, unobserved, charge = sessions(readings, PACK)
    assert (drive.kind, unobserved.kind, charge.kind) == (Kind.DRIVE, Kind.UNOBSERVED, Kind.CHARGE)
    assert (unobserved.kwh_in, unobserved.kwh_in_high, unobserved.energy_from) == (None, None, None)
    assert unobserved.kwh_in_low == pytest.approx(16.65 + 0.24, rel=0.01)
    assert 0 < charge.kwh_in_low <= charge.kwh_in <= charge.kwh_in_high
    assert charge.energy_from is EnergyFrom.MEASURED


def test_a_silence_between_two_readings_at_rest_is_no_rest():
    """Parked at both ends of a silence of 50 minutes, the car may have driven; with readings it rested."""
    seconds = np.concatenate((np.arange(0, 1200, 10), np.arange(4200, 4500, 10)))
    odo = np.where(seconds < 4300, 30_000.0, 30_060.0)
    silent = travelled(trace(seconds, odo_km=odo, pack_current=0, soc=60))
    assert silent[-1] == pytest.approx(60)
    seconds = np.arange(0, 4500, 10)
    odo = np.where(seconds < 4300, 30_000.0, 30_060.0)
    assert travelled(trace(seconds, odo_km=odo, pack_current=0, soc=60))[-1] == 0


@pytest.mark.parametrize("step", [600, 1_800, 3_600])
def test_a_stale_soc_after_a_silence_of_the_rhythm_there(step):
    """Half an hour is a silence between readings 10 s apart, however slow the source was while parked."""
    slow = times(step, 100)
    fast = slow[-1] + 10 * np.arange(1, 11)
    after = fast[-1] + 1_800 + 10 * np.arange(6)
    soc = np.concatenate((np.full(110, 40.0), [90], np.full(5, 60.0)))
    cleaned = clean(trace(np.concatenate((slow, fast, after)), odo_km=12_000, soc=soc)).trace.soc
    assert np.flatnonzero(np.isnan(cleaned)).tolist() == [110]
