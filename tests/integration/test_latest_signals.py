"""The state of a vehicle whose signals arrive apart: `latest`, lists, fleet, alerts and charging agree."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.wire.timestamps import format_timestamp
from tests.calls import LATEST_FIELDS, post
from tests.readings import raw, stamp

PATH = "/api/vehicles/VIN-00001"


def latest(api):
    return api.get(f"{PATH}/latest").json()


def states(api):
    """Return the vehicle's state by every call that shows one, less the fields that `latest` lacks."""
    calls = (
        latest(api),
        api.get(f"{PATH}/state").json(),
        api.get("/api/vehicles").json()["items"][0],
        api.get("/api/fleet").json()["vehicles"][0],
    )
    extra = {"received_at", "connectivity", "charging", "name", "group", "plate"}
    extra |= {"worst_episode", "open_episodes", "episodes_24h"}
    return [{name: value for name, value in call.items() if name not in extra} for call in calls]


def test_a_whole_reading_has_no_ages(api):
    """The answer has the fields of always, in their order."""
    post(api, raw(soc=50.0, max_temp=20.0))
    assert list(latest(api)) == LATEST_FIELDS


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_each_signal_has_its_newest_value(api, order):
    """In any order of arrival; `as_of` names the values that are older than `ts`."""
    sent = [
        raw(second=0, soc=40.0, soh=95.0, max_temp=66.0),
        raw(second=10, soc=41.0),
        raw(second=20, odo_km=1000.5),
    ]
    for place in order:
        post(api, sent[place])
    found = latest(api)
    assert found["ts"] == stamp(20)
    assert (found["soc"], found["soh"], found["max_temp"], found["odo_km"]) == (41.0, 95.0, 66.0, 1000.5)
    assert found["as_of"] == {"soc": stamp(10), "soh": stamp(0), "max_temp": stamp(0)}
    assert [alert["code"] for alert in found["alerts"]] == ["TEMP_HIGH"]
    assert states(api) == [found] * 4
    assert [alert["code"] for alert in api.get("/api/alerts").json()["items"]] == ["TEMP_HIGH"]


def test_a_signal_of_the_same_moment_has_no_age(api):
    """It fills the null of the newest reading."""
    post(api, raw(second=0, soc=40.0))
    assert post(api, raw(second=0, soh=90.0)).json() == {"inserted": 1}
    found = latest(api)
    assert (found["soc"], found["soh"]) == (40.0, 90.0)
    assert "as_of" not in found


@pytest.mark.parametrize(("apart", "power"), [(0, 40.0), (10, 40.0), (11, None)])
@pytest.mark.parametrize("voltage_first", [True, False])
def test_power_of_values_that_are_apart(api, apart, power, voltage_first):
    """Voltage and current make a power where at most 10 s lie between them."""
    seconds = (0, apart) if voltage_first else (apart, 0)
    post(api, raw(second=seconds[0], pack_voltage=400.0), raw(second=seconds[1], pack_current=100.0))
    assert {state["power_kw"] for state in states(api)} == {power}


@pytest.mark.parametrize(("age", "codes"), [(900, ["TEMP_HIGH"]), (901, [])])
def test_an_old_temperature_takes_no_part(api, age, codes):
    """15 minutes before `ts` it is judged, a second more and it is not; the value stays."""
    post(api, raw(second=0, max_temp=66.0), raw(second=age, odo_km=5.0))
    for state in states(api):
        assert state["max_temp"] == 66.0
        assert [alert["code"] for alert in state["alerts"]] == codes
    assert [alert["code"] for alert in api.get("/api/alerts").json()["items"]] == codes
    counts = api.get("/api/fleet").json()["counts"]["alerts"]
    assert counts["critical"] == len(codes)


def test_the_fleet_sorts_by_a_power_that_is_known(api):
    """A vehicle without a power sorts last."""
    post(
        api,
        raw("VIN-00001", 0, pack_voltage=400.0, pack_current=100.0),
        raw("VIN-00002", 0, pack_voltage=400.0),
        raw("VIN-00002", 60, pack_current=300.0),
        raw("VIN-00003", 0, pack_voltage=400.0, pack_current=1.0),
    )
    found = api.get("/api/fleet", params={"sort": "power_kw", "order": "desc"}).json()["vehicles"]
    assert [(one["vin"], one["power_kw"]) for one in found] == [
        ("VIN-00001", 40.0),
        ("VIN-00003", 0.4),
        ("VIN-00002", None),
    ]


@pytest.mark.parametrize(("age", "charging"), [(60, True), (905, False)])
def test_charging_by_a_current_of_now(api, age, charging):
    """A current that is older than 15 minutes says nothing of now."""
    now = datetime.now(UTC)
    times = [format_timestamp(now - timedelta(seconds=seconds)) for seconds in (age, 1)]
    post(
        api,
        {"vin": "VIN-00001", "ts": times[0], "pack_current": -20.0},
        {"vin": "VIN-00001", "ts": times[1], "soc": 50.0},
    )
    assert api.get(f"{PATH}/state").json()["charging"] is charging


def test_a_clock_that_was_ahead_once_makes_no_vehicle_stale(serve, database_url):
    """Life is judged by the last arrival, also where its ts is older than another one's."""
    api = serve(database_url=database_url, connectivity_stale_after_s=1)
    now = datetime.now(UTC)
    ahead = format_timestamp(now + timedelta(seconds=240))
    post(api, {"vin": "VIN-00001", "ts": ahead, "soc": 50.0})
    first = api.get(f"{PATH}/connectivity").json()["received_at"]
    for seconds in (1, 2):
        behind = format_timestamp(now - timedelta(weeks=1024, seconds=seconds))
        post(api, {"vin": "VIN-00001", "ts": behind, "soc": 49.0})
        found = api.get(f"{PATH}/connectivity").json()
        assert found["state"] == "online"
        assert found["received_at"] > first
        first = found["received_at"]
    assert latest(api)["ts"] == ahead


@pytest.mark.parametrize("ahead_s", [150, 240])
def test_a_clock_that_was_ahead_once_hides_nothing(api, ahead_s):
    """Its reading is `latest`; state, lists and alerts are of the newest reading of a right time."""
    now = datetime.now(UTC).replace(microsecond=0)

    def at(seconds):
        return format_timestamp(now + timedelta(seconds=seconds))

    def taken(seconds, **signals):
        return raw(**signals) | {"ts": at(seconds)}

    post(api, taken(-60, soc=50.0, soh=95.0, max_temp=25.0, min_temp=24.0))
    post(api, taken(ahead_s, soc=49.0, max_temp=30.0, pack_voltage=380.0))
    post(api, taken(-20, soc=48.0), taken(-10, max_temp=65.0, min_temp=62.0))
    assert (latest(api)["ts"], latest(api)["soc"]) == (at(ahead_s), 49.0)
    _, *others = states(api)
    found = others[0]
    assert others == [found] * 3
    assert (found["ts"], found["soc"], found["soh"]) == (at(-10), 48.0, 95.0)
    assert (found["max_temp"], found["pack_voltage"]) == (65.0, None)
    assert found["as_of"] == {"soc": at(-20), "soh": at(-60)}
    assert [alert["code"] for alert in found["alerts"]] == ["TEMP_HIGH"]
    assert [alert["code"] for alert in api.get("/api/alerts").json()["items"]] == ["TEMP_HIGH"]
    assert api.get(f"{PATH}/state").json()["connectivity"]["state"] in {"online", "stale"}
    low = api.get("/api/vehicles", params={"soc_below": 48.5}).json()["items"]
    assert [vehicle["soc"] for vehicle in low] == [48.0]


def test_a_vehicle_whose_clock_is_always_ahead_is_shown(api):
    """Without any reading of a right time its newest one is the state; 20 s ahead are right."""
    now = datetime.now(UTC)
    for ahead_s in (100, 200):
        post(api, raw(soc=float(ahead_s) / 4) | {"ts": format_timestamp(now + timedelta(seconds=ahead_s))})
    assert {state["soc"] for state in states(api)} == {50.0}
    post(api, raw(soc=40.0) | {"ts": format_timestamp(now + timedelta(seconds=20))})
    assert [state["soc"] for state in states(api)] == [50.0, 40.0, 40.0, 40.0]
