"""The demo's cars: each past shows the car's defect, by the rules and figures themselves."""

from datetime import UTC, date, datetime
from functools import cache

import pytest

from scripts.demo_cars.car_readings import CarReadings, Stored
from scripts.demo_cars.cars import AGEING, CARS, CHARGING, CITY, COMMUTER, HOT, OFFLINE, SENSOR
from scripts.simulator.reading import encode
from shared.diagnostics.alerts import Severity
from shared.diagnostics.battery import battery
from shared.diagnostics.episodes import episodes
from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from shared.wire.reading import SIGNALS, Row

SUMMER_NOON = datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()
WINTER_NIGHT = datetime(2027, 1, 3, 2, 17, 9, tzinfo=UTC).timestamp()
MOMENTS = pytest.mark.parametrize("now", [SUMMER_NOON, WINTER_NIGHT], ids=["summer noon", "winter night"])


@cache
def past(demo_car, now, stored=None):
    """Return all readings that the car sends up to now."""
    return list(CarReadings(demo_car, now, stored=stored).past())


def taken(reading):
    return datetime.fromisoformat(reading["ts"])


def rows(readings):
    """Return the rows of the readings that the API would accept, on time."""
    return [
        Row(reading["vin"], taken(reading), taken(reading), *(reading[name] for name in SIGNALS))
        for reading in readings
        if reading["soc"] <= 100
    ]


def profile(demo_car, now):
    fields = demo_car.profile(now) if demo_car.has_profile else {}
    if fields:
        fields["first_use_date"] = date.fromisoformat(fields["first_use_date"])
    return Profile(**fields)


def found(demo_car, now):
    """Return the car's episodes."""
    return episodes(Trace.of(rows(past(demo_car, now))), profile(demo_car, now))[0]


def figures(demo_car, now):
    return battery(Trace.of(rows(past(demo_car, now))), profile(demo_car, now))


def minutes_ago(moment, now):
    return (now - moment.timestamp()) / 60


def test_the_same_moment_gives_the_same_past():
    """Equal to the byte; another seed gives another past."""
    first, again, other = (
        [encode(reading) for reading in CarReadings(CITY, SUMMER_NOON, seed=seed).past()]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("demo_car", CARS, ids=lambda demo_car: demo_car.vin)
def test_pasts_end_now_and_the_odometer_never_falls(demo_car):
    """Times rise up to now, or to the begin of its silence; the odometer rises, glitches aside."""
    readings = past(demo_car, SUMMER_NOON)
    times = [taken(reading).timestamp() for reading in readings]
    assert times == sorted(times)
    assert times[-1] == SUMMER_NOON - demo_car.silent_s
    odometer = [reading["odo_km"] for reading in readings if reading["odo_km"]]
    assert odometer == sorted(odometer)
    assert len(readings) > 5_000


@MOMENTS
def test_the_hot_car_is_critical_since_a_quarter_of_an_hour(now):
    """TEMP_HIGH and nothing else: begun 10 to 20 minutes ago, critical for minutes, and not over."""
    (episode,) = found(HOT, now)
    assert (episode.code, episode.severity, episode.ended_at) == (Code.TEMP_HIGH, Severity.CRITICAL, None)
    assert 10 < minutes_ago(episode.started_at, now) < 21
    critical = [reading for reading in past(HOT, now) if reading["max_temp"] >= 60]
    assert 2 < minutes_ago(taken(critical[0]), now) < 12


@MOMENTS
def test_the_charging_car_charges_on_for_an_hour(now):
    """Its past holds a charge that shows its capacity; it charges now, and still does in an hour."""
    car_readings = CarReadings(CHARGING, now)
    trace = Trace.of(rows(car_readings.past()))
    assert episodes(trace, profile(CHARGING, now))[0] == []
    capacity = battery(trace, profile(CHARGING, now)).capacity
    assert capacity.ah == pytest.approx(60 * trace.soh[-1] / 100, rel=0.01)
    last = sessions(trace, profile(CHARGING, now))[-1]
    assert (last.kind, last.end) == (Kind.CHARGE, now)
    for second in range(1, 3602, 60):
        (reading,) = car_readings.on(now + second)
        assert reading["pack_current"] < -2


@MOMENTS
def test_the_car_with_worn_sensors(now):
    """Frozen now; odometers of 0 and jumps of soc before, some readings refused, some sent twice."""
    episodes_found = found(SENSOR, now)
    assert {Code.STUCK_SENSOR, Code.ODO_ZERO, Code.SOC_JUMP} <= {episode.code for episode in episodes_found}
    assert Code.STUCK_SENSOR in {episode.code for episode in episodes_found if episode.ended_at is None}
    assert Code.ODO_ROLLBACK not in {episode.code for episode in episodes_found}
    readings = past(SENSOR, now)
    assert 10 < sum(reading["soc"] == 255 for reading in readings) < 30
    assert len({reading["ts"] for reading in readings}) < len(readings)
    report = figures(SENSOR, now)
    assert isinstance(report.resistance, InsufficientData)
    assert report.passport.deep_discharges == 0


@MOMENTS
def test_the_silent_car_fell_silent_on_the_road(now):
    """Three hours ago, driving, with a gap before; it publishes no live readings."""
    assert {episode.code for episode in found(OFFLINE, now)} == {Code.DATA_GAP}
    trace = Trace.of(rows(past(OFFLINE, now)))
    assert trace.odo_km[-1] > trace.odo_km[-5]
    assert past(OFFLINE, now, Stored(now - 86_400, 50_000, 50, 20)) == []


def test_the_ageing_car():
    """From 85 to below 80 % in 14 months: SOH_LOW, dates of 80 and 70 %, capacity, growing resistance."""
    episodes_found = found(AGEING, SUMMER_NOON)
    (low,) = (episode for episode in episodes_found if episode.code is not Code.DATA_GAP)
    assert (low.code, low.severity, low.ended_at) == (Code.SOH_LOW, Severity.WARNING, None)
    report = figures(AGEING, SUMMER_NOON)
    trace = Trace.of(rows(past(AGEING, SUMMER_NOON)))
    assert 84 < trace.soh[0] < 87
    assert 77 < report.ageing.soh < 80
    assert report.ageing.span_days == 420
    passed, ahead = report.ageing.milestones
    assert passed.passed
    assert ahead.likely > date(2027, 1, 1)
    assert report.capacity.ah == pytest.approx(60 * 0.82, rel=0.03)
    growth, soh = report.passport.resistance_growth, report.capacity_trend.soh
    true = (1 + 2.5 * (1 - trace.soh[-1] / 100)) / (1 + 2.5 * (1 - trace.soh[0] / 100))
    assert growth.low < 100 * (true - 1) < growth.high
    assert growth.high - growth.low < 20
    assert soh.low < trace.soh[-1] < soh.high


@MOMENTS
@pytest.mark.parametrize("demo_car", [CITY, COMMUTER], ids=lambda demo_car: demo_car.vin)
def test_nothing_is_the_matter_with_the_healthy(demo_car, now):
    """No episode; without a profile some rules can't be evaluated."""
    episodes_found, skipped = episodes(Trace.of(rows(past(demo_car, now))), profile(demo_car, now))
    assert episodes_found == []
    assert bool(skipped) is not demo_car.has_profile


@pytest.mark.parametrize(
    "demo_car", [demo_car for demo_car in CARS if demo_car.is_live], ids=lambda demo_car: demo_car.vin
)
@pytest.mark.parametrize("ago", [0, 20, 1_800, 40_000])
def test_a_second_run_goes_on_where_the_first_one_ended(demo_car, ago):
    """After any time: no reading twice, odometer and charge continue, and the hot car stays hot."""
    first = past(demo_car, SUMMER_NOON)[-1]
    now = SUMMER_NOON + ago
    odo_km = max(reading["odo_km"] for reading in past(demo_car, SUMMER_NOON))
    car_readings = CarReadings(
        demo_car, now, stored=Stored(SUMMER_NOON, odo_km, first["soc"], first["max_temp"])
    )
    readings = [*car_readings.past(), *car_readings.on(now + 2)]
    assert taken(readings[0]).timestamp() > SUMMER_NOON
    assert taken(readings[-1]).timestamp() == now + 2
    on_road = [reading for reading in readings if reading["odo_km"]]
    assert 0 <= on_road[0]["odo_km"] - odo_km < 0.2
    assert [reading["odo_km"] for reading in on_road] == sorted(reading["odo_km"] for reading in on_road)
    assert abs(readings[0]["soc"] - first["soc"]) < 0.5
    if demo_car is HOT:
        assert readings[-1]["max_temp"] > 60


def test_a_first_run_that_was_killed_is_made_up_for():
    """With a last reading of 200 days ago, the months since then are published, and no others."""
    stored = Stored(SUMMER_NOON - 200 * 86_400, 60_000.0, 70.0, 20.0)
    readings = past(AGEING, SUMMER_NOON, stored)
    assert taken(readings[0]).timestamp() > stored.at
    assert len({reading["ts"][:10] for reading in readings}) == 20
    assert readings[0]["odo_km"] > 60_000
