from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import pytest

from scripts.simulator import faults, fleet, options
from scripts.simulator.faults import FAULTS, FaultPlacement
from scripts.simulator.timetable import Timetable
from scripts.simulator.vehicle import Vehicle
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Chemistry, Profile
from shared.wire.reading import SIGNALS, Reading, Row
from shared.wire.timestamps import parse_timestamp

START = datetime(2026, 5, 5, 7, 0, tzinfo=UTC)
VIN = "SIM-000001"
# As SIM cars are made, with the limits of such a pack.
PROFILE = Profile(series_cells=96, chemistry=Chemistry.NMC, capacity_ah=60)
LASTING = {Code.SOH_LOW, Code.HEATING_AT_REST, Code.SENSOR_OFFSET}
"""Rules that need hours or days."""
WITHOUT_EPISODE = {"ODO_STALE", "SENTINEL", "TEMP_SPIKE"}


@cache
def healthy(period, duration, seed, _join):
    """Return the readings of a car without a fault, which are the same in all runs of this car."""
    timetable = Timetable(START, 1, 1 / period, duration, 1.0)
    return timetable, tuple(fleet.readings(timetable, seed=seed, vin_prefix="SIM-"))


def sent(code, *, period=1.0, duration=3000.0, seed=7):
    """Return the readings of one car with this fault, in the order of publication."""
    # The key holds the start that `on_the_road` replaces.
    timetable, readings = healthy(period, duration, seed, Vehicle._join_midway)
    copies = [due._replace(reading=dict(due.reading)) for due in readings]
    placed = [FaultPlacement(code, VIN)] if code else []
    return list(faults.inject(copies, placed, timetable, seed=seed))


def stored(due_readings):
    """Return the stored rows: received a moment after publication; readings out of range are left out."""
    rows = []
    for due_s, _, reading in due_readings:
        known = {name: reading[name] for name in SIGNALS}
        if all(low <= known[name] <= high for name, (low, high, _) in SIGNALS.items()):
            received = START + timedelta(seconds=due_s + 0.2)
            rows.append(Row(VIN, parse_timestamp(reading["ts"]), received, *known.values()))
    return rows


def codes(due_readings):
    return {episode.code for episode in episodes(Trace.of(stored(due_readings)), PROFILE)[0]}


@pytest.fixture
def on_the_road(monkeypatch):
    """Let every car begin with a drive of 25 km, charged well enough for it."""
    monkeypatch.setattr(Vehicle, "_join_midway", begin_with_a_drive)


def begin_with_a_drive(car):
    car.pack.soc = max(car.pack.soc, 50.0)
    car.start_trip(25.0, 0.0)


SEEDS = pytest.mark.parametrize("seed", range(5))


@SEEDS
@pytest.mark.parametrize("period", [1.0, 10.0])
@pytest.mark.usefixtures("on_the_road")
def test_every_rule_sees_its_fault(seed, period):
    """The healthy car raises no episode; with the fault, its code."""
    assert not codes(sent(None, seed=seed, duration=1500, period=period))
    missed = [
        code
        for code in Code
        if code not in LASTING and code not in codes(sent(code, seed=seed, duration=1500, period=period))
    ]
    assert not missed


@SEEDS
def test_soh_low_needs_days(seed):
    """At one reading an hour for a week."""
    assert Code.SOH_LOW not in codes(sent(None, seed=seed, period=3600.0, duration=7 * 86_400.0))
    run = sent("SOH_LOW", seed=seed, period=3600.0, duration=7 * 86_400.0)
    assert Code.SOH_LOW in codes(run)


@SEEDS
@pytest.mark.parametrize(("code", "hours"), [("HEATING_AT_REST", 2), ("SENSOR_OFFSET", 48)])
def test_faults_that_need_hours(code, hours, seed):
    """At a reading a minute."""
    assert code not in codes(sent(None, seed=seed, period=60.0, duration=hours * 3600.0))
    assert code in codes(sent(code, seed=seed, period=60.0, duration=hours * 3600.0))


@SEEDS
@pytest.mark.parametrize("code", sorted(WITHOUT_EPISODE))
@pytest.mark.usefixtures("on_the_road")
def test_faults_that_are_no_episode(code, seed):
    """A spike of one reading must not alarm; codes for `invalid` are rejected before any rule sees them."""
    run = sent(code, seed=seed, duration=1500)
    assert run != sent(None, seed=seed, duration=1500)
    # Rejected readings are a silence; an odometer that stood still catches up in one step.
    side_effect = {"SENTINEL": {Code.DATA_GAP}, "ODO_STALE": {Code.ODO_JUMP}}
    assert codes(run) <= side_effect.get(code, set())
    if code == "SENTINEL":
        broken = next(due.reading for due in run if due.reading["soc"] == 255)
        with pytest.raises(ValueError, match="less than or equal"):
            Reading.model_validate(broken)


@pytest.mark.parametrize("code", sorted(FAULTS))
@pytest.mark.usefixtures("on_the_road")
def test_any_order_of_rows_gives_the_same_episodes(code):
    """To the last field, and what was skipped too."""
    rows = stored(sent(code, seed=0, duration=1500, period=5.0))
    expected = episodes(Trace.of(sorted(rows, key=lambda row: row.ts)), PROFILE)
    for seed in range(3):
        Random(seed).shuffle(rows)
        assert episodes(Trace.of(rows), PROFILE) == expected


def test_every_code_can_be_injected():
    """A fault for every rule, by the rule's name."""
    assert set(Code) | WITHOUT_EPISODE == set(FAULTS)


def test_the_same_seed_gives_the_same_readings():
    """Another seed begins elsewhere; other vehicles stay as they are."""
    assert sent("TEMP_HIGH") == sent("TEMP_HIGH")
    timetable = Timetable(START, 2, 1, 60, 1)
    healthy = list(fleet.readings(timetable, seed=7, vin_prefix="SIM-"))
    again = fleet.readings(timetable, seed=7, vin_prefix="SIM-")
    faulty = list(faults.inject(again, [FaultPlacement("SOC_LOW", VIN)], timetable, seed=7))
    changed = [old.vin for old, new in zip(healthy, faulty, strict=True) if old != new]
    assert set(changed) == {VIN}
    assert len(changed) == 24


def test_what_is_late_leaves_when_it_is_due():
    """Readings are held back for 240 s while the others go on; none is lost."""
    late = sent("LATE_DATA")
    dues = [due.due_s for due in late]
    assert dues == sorted(dues)
    assert sorted(due.reading["ts"] for due in late) == [due.reading["ts"] for due in sent(None)]


def test_faults_on_the_command_line():
    """Any number of faults, each with its vehicle."""
    parsed = options.parse(["--fault", "TEMP_HIGH@sim-000001", "--fault", "ODO_ZERO@SIM-000020"])
    assert parsed.faults == (
        FaultPlacement("TEMP_HIGH", "SIM-000001"),
        FaultPlacement("ODO_ZERO", "SIM-000020"),
    )
    assert options.parse([]).faults == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "HOT@SIM-000001"], "'HOT' is not a fault; known are TEMP_HIGH, TEMP_HIGH_CHARGING, "),
        (["--fault", "TEMP_HIGH"], "'TEMP_HIGH' is not CODE@VIN"),
        (["--fault", "TEMP_HIGH@a/b"], "the VIN 'a/b' must be"),
        (["--fault", "TEMP_HIGH@SIM-000021"], "SIM-000021 is not in this run (SIM-000001 to SIM-000020)"),
        (["--replay", "trip.csv", "--fault", "ODO_ZERO@SIM-000001"], "--fault does not go with --replay"),
    ],
)
def test_wrong_faults_are_explained(arguments, message, capsys):
    """Status 2 and a sentence, with the names that are known."""
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
