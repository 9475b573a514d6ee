"""Overview of the fleet over HTTP, against a real PostgreSQL."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.storage.store_statuses import keep_statuses
from shared.wire.connectivity import Status
from shared.wire.reading import Row
from shared.wire.status import VehicleStatus
from shared.wire.timestamps import parse_timestamp
from tests.calls import LATEST_FIELDS, post, problem
from tests.readings import START, at, raw, row

EPISODE_FIELDS = ["worst_episode", "open_episodes", "episodes_24h", "name", "group", "plate"]
FIELDS = [*LATEST_FIELDS, "received_at", "connectivity", "charging", *EPISODE_FIELDS]
SEVERITIES = ["info", "warning", "critical"]
SORTS = ["vin", "soc", "power_kw", "max_temp", "soh", "odo_km", "ts", "received_at", "alert"]


def fleet(api, **params):
    answer = api.get("/api/fleet", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def vins(found):
    return [vehicle["vin"] for vehicle in found["vehicles"]]


def worst(vehicle):
    """Rank a vehicle's worst alert: 0 for none."""
    return max((SEVERITIES.index(alert["severity"]) + 1 for alert in vehicle["alerts"]), default=0)


@pytest.fixture
def mixed(engine):
    """Store 60 vehicles of every kind, with nulls and equal values, silent for 10 s to half an hour."""
    draw = random.Random(7)
    now = datetime.now(UTC)
    ranges = {"soc": (0, 100), "soh": (65, 100), "pack_voltage": (300, 302), "pack_current": (-9, 9),
              "max_temp": (20, 65), "min_temp": (15, 25), "odo_km": (0, 9)}  # fmt: skip
    readings, statuses = [], []
    for number in range(60):
        vin = f"{draw.choice(['AAA', 'BBB'])}-{number:05}"
        signals = [draw.choice([None, draw.randint(*ends), draw.randint(*ends)]) for ends in ranges.values()]
        silent = timedelta(seconds=draw.choice([10, 20, 300, 600, 1_800]))
        readings.append(Row(vin, at(draw.randint(0, 9)), now - silent, *signals[:-1], float(number // 3)))
        if draw.random() < 0.5:
            statuses.append(VehicleStatus(vin, draw.choice(list(Status)), now - timedelta(seconds=15)))
    with engine.begin() as connection:
        store(connection, readings, CopyBackoff())
        keep_statuses(connection, statuses)


@pytest.fixture
def everybody(api, mixed):
    """Collect all vehicles from the list of vehicles, with their state and connectivity."""
    return {item["vin"]: item for item in api.get("/api/vehicles", params={"limit": 1000}).json()["items"]}


def test_an_empty_fleet(api):
    """All counts are zero, with no page and no vehicle."""
    found = fleet(api)
    assert parse_timestamp(found.pop("at"))
    assert found == {
        "arrival_lag_s": None,
        "counts": {
            "vehicles": 0,
            "online": 0,
            "stale": 0,
            "offline": 0,
            "charging": 0,
            "alerts": {"info": 0, "warning": 0, "critical": 0},
            "episodes": {"info": 0, "warning": 0, "critical": 0},
            "latched": 0,
        },
        "matching": 0,
        "page": 1,
        "pages": 0,
        "vehicles": [],
    }


def test_a_vehicle_in_full(api):
    """A vehicle has the fields of `latest`, to digit and microsecond, its arrival and its connectivity."""
    reading = raw(soc=18.1, pack_voltage=310.1, pack_current=-95.3, max_temp=52.3, min_temp=42.3)
    post(api, reading | {"ts": "2026-01-24T12:00:00.123457Z"})
    latest = api.get("/api/vehicles/VIN-00001/latest").json()
    [listed] = api.get("/api/vehicles").json()["items"]
    found = fleet(api)
    [vehicle] = found["vehicles"]
    assert list(vehicle) == FIELDS
    assert vehicle == latest | {
        "received_at": listed["received_at"],
        "connectivity": {"state": "online", "since": None},
        "charging": True,
        "worst_episode": None,
        "open_episodes": 0,
        "episodes_24h": 0,
        "name": None,
        "group": None,
        "plate": None,
    }
    assert parse_timestamp(vehicle["received_at"]) <= parse_timestamp(found["at"])
    assert [alert["code"] for alert in vehicle["alerts"]] == ["TEMP_HIGH", "SOC_LOW", "TEMP_SPREAD"]


def test_counts_are_of_the_whole_fleet(api, everybody):
    """Counts of states, charging vehicles and worst alerts ignore every filter."""
    listed = everybody.values()
    charging = [
        item
        for item in listed
        if (item["pack_current"] or 0) <= -2 and item["connectivity"]["state"] == "online"
    ]
    expected = {
        "vehicles": 60,
        **{
            state: sum(item["connectivity"]["state"] == state for item in listed)
            for state in ("online", "stale", "offline")
        },
        "charging": len(charging),
        "alerts": {name: sum(worst(item) == n for item in listed) for n, name in enumerate(SEVERITIES, 1)},
    }
    none = {"episodes": dict.fromkeys(SEVERITIES, 0), "latched": 0}
    assert fleet(api)["counts"] == expected | none
    assert fleet(api, q="no-such", state="stale", min_severity="critical")["counts"] == expected | none
    assert all([*expected.values(), *expected["alerts"].values()]), "this fleet lacks a kind"


def test_filters(api, everybody):
    """Each alone, and all together; `matching` counts what passes."""
    filters = {
        "state=stale": lambda item: item["connectivity"]["state"] == "stale",
        "state=stale&state=online": lambda item: item["connectivity"]["state"] != "offline",
        "min_severity=warning": lambda item: worst(item) >= 2,
        "min_severity=info": lambda item: worst(item) >= 1,
        "q=aa-0000": lambda item: "AA-0000" in item["vin"],
        "q=5": lambda item: "5" in item["vin"],
        "charging=true": lambda item: (
            (item["pack_current"] or 0) <= -2 and item["connectivity"]["state"] == "online"
        ),
    }
    filters["charging=false"] = lambda item: not filters["charging=true"](item)
    filters["state=online&min_severity=info&q=b-"] = lambda item: (
        item["connectivity"]["state"] == "online" and worst(item) >= 1 and "B-" in item["vin"]
    )
    for query, passes in filters.items():
        expected = [vin for vin, item in everybody.items() if passes(item)]
        found = api.get(f"/api/fleet?{query}&sort=vin&page_size=200").json()
        assert 0 < len(expected) < 60, query
        assert (vins(found), found["matching"]) == (expected, len(expected)), query


@pytest.mark.parametrize("order", ["asc", "desc", None])
@pytest.mark.parametrize("sort", [*SORTS, None])
def test_sorted(api, everybody, sort, order):
    """By each key, nulls last either way, ties by VIN; by default the worst alert comes first."""

    def key(vin):
        value = worst(everybody[vin]) if sort in {"alert", None} else everybody[vin][sort]
        if isinstance(value, str) and sort != "vin":
            value = parse_timestamp(value).timestamp()
        return value

    descends = order == "desc" or (order is None and sort in {"alert", None})
    known = [vin for vin in sorted(everybody) if key(vin) is not None]
    # Python's sort is stable, reversed too: ties stay in the order of the VINs.
    expected = sorted(known, key=key, reverse=descends)
    expected += [vin for vin in sorted(everybody) if key(vin) is None]
    parameters = {name: value for name, value in {"sort": sort, "order": order}.items() if value}
    assert vins(fleet(api, page_size=200, **parameters)) == expected


def test_pages(api, everybody):
    """All pages together are the whole, in order; one beyond the last is empty and no error."""
    whole = vins(fleet(api, sort="soc", page_size=200))
    found = [fleet(api, sort="soc", page=page, page_size=7) for page in range(1, 11)]
    assert [vin for page in found for vin in vins(page)] == whole
    assert [len(page["vehicles"]) for page in found] == [7] * 8 + [4, 0]
    assert [page["page"] for page in found] == list(range(1, 11))
    assert {(page["pages"], page["matching"]) for page in found} == {(9, 60)}
    assert len(fleet(api)["vehicles"]) == 50
    assert fleet(api, page=1_000_000)["vehicles"] == []


@pytest.mark.parametrize(
    ("current", "sign", "charging"),
    [
        (-2.0, 1, True),
        (-1.9, 1, False),
        (2.0, 1, False),
        (2.0, -1, True),
        (-2.0, -1, False),
        (None, 1, False),
    ],
)
def test_charging(api, current, sign, charging):
    """A vehicle charges from 2 A into the pack on, with the sign of its profile."""
    profile = api.put("/api/vehicles/VIN-00001/profile", json={"current_sign": sign})
    assert profile.status_code < 300, profile.text
    post(api, raw(soc=50, pack_current=current))
    found = fleet(api)
    assert (found["vehicles"][0]["charging"], found["counts"]["charging"]) == (charging, int(charging))


@pytest.mark.parametrize(
    ("odometers", "charging"),
    [
        ([(0, 5.0), (100, 5.0)], True),
        ([(0, 5.0), (60, 5.2), (100, 5.2)], False),
        ([(0, 5.0), (300, 6.0), (400, 6.0)], True),
        ([(0, 5.0), (300, 5.0), (400, None)], True),
        ([(0, 5.0), (300, 6.0), (400, None)], False),
        ([(0, 5.0), (1_000, 6.0), (1_100, None)], True),
        ([(0, None), (100, 5.0)], True),
        ([(0, 5.0), (100, None)], True),
    ],
)
def test_a_car_that_brakes_does_not_charge(api, odometers, charging):
    """A vehicle does not charge where its odometer moved within two minutes, or since its value before."""
    post(api, *(raw(second=n, pack_current=-50, odo_km=odo) for n, odo in odometers))
    [vehicle] = fleet(api)["vehicles"]
    assert vehicle["charging"] == charging
    assert api.get("/api/vehicles/VIN-00001/state").json() == vehicle


def test_the_state_of_an_unknown_vehicle(api, engine):
    """404, also for a vehicle that has published its status and no reading."""
    with engine.begin() as connection:
        keep_statuses(connection, [VehicleStatus("VIN-00001", Status.ONLINE, datetime.now(UTC))])
    answer = api.get("/api/vehicles/VIN-00001/state")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_backlog_is_seen_by_how_late_it_arrives(api, engine):
    """The lag is the median over vehicles that sent lately; silent vehicles do not count, however late."""
    now = datetime.now(UTC)
    rows = [
        row(f"VIN-{n:05}", (now - START).total_seconds() - lag, received_at=now - timedelta(seconds=ago))
        for n, (lag, ago) in enumerate([(1, 0), (600, 0), (900, 0), (90_000, 3_600), (90_000, 3_600)])
    ]
    with engine.begin() as connection:
        store(connection, rows[:1] + rows[3:], CopyBackoff())
    assert fleet(api)["arrival_lag_s"] == pytest.approx(1, abs=0.01)
    with engine.begin() as connection:
        store(connection, rows[1:3], CopyBackoff())
    assert fleet(api)["arrival_lag_s"] == pytest.approx(600, abs=0.01)


def test_an_offline_vehicle_does_not_charge(api, engine):
    """A vehicle whose newest reading charges, but that published offline since, does not charge."""
    post(api, raw(pack_current=-50))
    assert fleet(api)["counts"]["charging"] == 1
    with engine.begin() as connection:
        keep_statuses(connection, [VehicleStatus("VIN-00001", Status.OFFLINE, datetime.now(UTC))])
    found = fleet(api)
    assert (found["counts"]["charging"], found["counts"]["offline"]) == (0, 1)
    [vehicle] = found["vehicles"]
    assert not vehicle["charging"]
    assert vehicle["connectivity"]["state"] == "offline"


def test_a_status_alone_is_no_vehicle_of_the_overview(api, engine):
    """A vehicle without stored readings is not listed."""
    with engine.begin() as connection:
        keep_statuses(connection, [VehicleStatus("VIN-00001", Status.ONLINE, datetime.now(UTC))])
    assert fleet(api)["counts"]["vehicles"] == 0


@pytest.mark.parametrize(
    "query",
    ["state=away", "min_severity=bad", "charging=perhaps", "q=", "q=%25", "q=" + 41 * "a", "sort=min_temp",
     "order=up",
     "page=0", "page=-1", "page=1e3", "page=99999999999999999999", "page_size=0", "page_size=201"],
)  # fmt: skip
def test_absurd_parameters(api, query):
    """Each is 422 with the parameter's name."""
    body = problem(api.get(f"/api/fleet?{query}"), 422)
    assert body["errors"][0]["loc"][:2] == ["query", query.split("=")[0]]


def test_with_keys_it_needs_one(serve, database_url):
    """With API_KEYS set, the overview needs a key."""
    api = serve(database_url=database_url, api_keys="one")
    problem(api.get("/api/fleet"), 401)
    assert api.get("/api/fleet", headers={"X-API-Key": "one"}).status_code == 200
