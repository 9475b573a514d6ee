"""Suspects: vehicles whose newest readings could meet a rule; the others need not be judged."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alert_worker.suspicion import TIMELY, WHOLE_ONLY, suspects
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import Trace
from shared.storage.read_traces import FleetReadings
from shared.vehicle_profile import Profile
from tests.diagnosed import lived_through
from tests.judged import FULL, made

LIMITED = FULL.model_copy(update={"max_charge_a": 150.0})
STEPS = np.arange(0.0, 120.0, 10.0)
QUIET = {"odo_km": 20_000.0 + STEPS / 3_600 * 50, "pack_current": 20.0, "pack_voltage": 370.0 - STEPS / 100}
FAULTS = {
    "hot": {"max_temp": 45.0},
    "uneven": {"max_temp": 30.0, "min_temp": 20.0},
    "heating": {"max_temp": 25.0 + STEPS / 40},
    "cold charge": {"min_temp": -1.0, "max_temp": 1.0, "pack_current": -6.0},
    "empty": {"soc": 20.0},
    "jump": {"soc": np.where(STEPS > 60, 60.0, 50.0)},
    "overvolt": {"pack_voltage": 96 * 4.26},
    "undervolt": {"pack_voltage": 96 * 2.7},
    "overcurrent": {"pack_current": 301.0},
    "overcharge": {"pack_current": -151.0},
    "warming at rest": {"max_temp": 25.0 + STEPS / 300, "pack_current": 0.0},
    "inverted": {"max_temp": 20.0, "min_temp": 22.0},
    "stuck": {"pack_voltage": 370.0, "pack_current": 20.0 + STEPS / 6},
}


def readings(*traces):
    """Put traces one after the other, as a look reads them."""
    columns = [
        np.concatenate([getattr(trace, name) for trace in traces]) for name in Trace.__dataclass_fields__
    ]
    place = np.repeat(np.arange(len(traces)), [len(trace) for trace in traces])
    return FleetReadings(place, columns)


def test_every_rule_has_its_way_of_judging():
    """A new rule has to be named in one of the two sets, or it is judged once a day only."""
    assert set(Code) == TIMELY | WHOLE_ONLY
    assert not TIMELY & WHOLE_ONLY


def test_healthy_vehicles_are_no_suspects():
    """No rule about the newest readings, nor one about the whole past."""
    found = suspects(readings(*[made(STEPS, **QUIET)] * 3), [FULL, Profile(), FULL])
    assert not found.timely.any()
    assert not found.odometer.any()
    assert not found.soh.any()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_suspect_among_others(fault):
    """A vehicle with a fault is found between healthy ones, whichever place it has."""
    healthy, faulty = made(STEPS, **QUIET), made(STEPS, **QUIET | FAULTS[fault])
    for place in range(3):
        traces = [healthy] * 3
        traces[place] = faulty
        found = suspects(readings(*traces), [LIMITED] * 3)
        assert found.timely.tolist() == [number == place for number in range(3)]


def test_late_and_early_readings():
    """A delay over 180 s, and a clock that is over 30 s ahead."""
    late, early, right = made(STEPS, 181.0, **QUIET), made(STEPS, -31.0, **QUIET), made(STEPS, 179.0, **QUIET)
    found = suspects(readings(late, early, right), [FULL] * 3)
    assert found.timely.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("odo", "is_suspect"), [(19_998.0, True), (20_005.0, True), (0.0, True), (20_003.9, False)]
)
def test_steps_of_the_odometer(odo, is_suspect):
    """Back by over 1 km, up by over 4 km, or to 0: the whole past decides."""
    trace = made(STEPS, **QUIET | {"odo_km": np.where(STEPS > 60, odo, 20_000.0)})
    assert suspects(readings(trace), [FULL]).odometer.tolist() == [is_suspect]


def test_a_silence_with_a_drive():
    """A gap is of interest where the car moved meanwhile, and beyond the rhythm of its readings."""
    ts = np.array([0, 10, 20, 30, 40, 50, 400, 410.0])
    moved = {**QUIET, "odo_km": 20_000 + ts / 100, "pack_voltage": 370 - ts / 100}
    still = {**moved, "odo_km": 20_000.0}
    slow = np.arange(0, 3_000, 300.0)
    in_rhythm = {**moved, "odo_km": 20_000 + slow / 100, "pack_voltage": 370 - slow / 1_000}
    found = suspects(readings(made(ts, **moved), made(ts, **still), made(slow, **in_rhythm)), [FULL] * 3)
    assert found.timely.tolist() == [True, False, False]


@pytest.mark.parametrize("seed", range(3))
def test_without_suspicion_nothing_new_begins(seed):
    """The law of the check: readings that raise no suspicion begin no episode of a timely rule."""
    rows = lived_through(seed=seed)
    unsuspected = 0
    for end in range(300, len(rows), 10):
        before, after = Trace.of(rows[end - 300 : end]), Trace.of(rows[end - 300 : end + 10])
        last = datetime.fromtimestamp(before.until, UTC)
        tail = after.between(before.until - 150, after.until)
        if suspects(readings(tail), [FULL]).timely[0]:
            continue
        unsuspected += 1
        found, _ = episodes(after, FULL, TIMELY)
        assert [each for each in found if each.started_at > last + timedelta(seconds=1)] == []
    assert unsuspected > 5
