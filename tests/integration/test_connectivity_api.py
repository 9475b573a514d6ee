"""Connectivity of vehicles over HTTP and in SQL, against a real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from shared.storage.store_readings import CopyBackoff, store
from shared.storage.store_statuses import keep_statuses
from shared.wire.connectivity import Status
from shared.wire.status import VehicleStatus
from shared.wire.timestamps import format_timestamp
from tests.calls import LATEST_FIELDS, pages, post, problem
from tests.readings import START, raw, row

ONLINE, OFFLINE = Status.ONLINE, Status.OFFLINE
PATH = "/api/vehicles/VIN-00001/connectivity"


@pytest.fixture
def ago():
    """Return the moment `seconds` before this test."""
    now = datetime.now(UTC)
    return lambda seconds: now - timedelta(seconds=seconds)


@pytest.fixture
def heard(engine):
    """Store the last messages of a vehicle: `heard(vin, reading=moment, online=moment)`."""

    def keep(vin, *, reading=None, online=None, offline=None):
        with engine.begin() as connection:
            if reading is not None:
                second = (reading - START).total_seconds()
                store(connection, [row(vin, second, received_at=reading)], CopyBackoff())
            if (received_at := online or offline) is not None:
                status = ONLINE if online else OFFLINE
                keep_statuses(connection, [VehicleStatus(vin, status, received_at)])

    return keep


def test_one_vehicle(api, heard, ago):
    """The answer holds the state, its begin, and the two facts it follows from."""
    heard("VIN-00001", reading=ago(200), online=ago(300))
    assert api.get("/api/vehicles/vin-00001/connectivity").json() == {
        "vin": "VIN-00001",
        "state": "stale",
        "since": format_timestamp(ago(140)),
        "received_at": format_timestamp(ago(200)),
        "status": "online",
        "status_received_at": format_timestamp(ago(300)),
    }


@pytest.mark.parametrize(
    ("signs", "state", "since"),
    [
        ({"reading": 10}, "online", None),
        ({"reading": 10, "online": 20}, "online", 20),
        ({"reading": 100}, "stale", 40),
        ({"reading": 1_000}, "offline", 100),
        ({"reading": 10, "offline": 5}, "offline", 5),
        ({"reading": 5, "offline": 10}, "online", None),
        ({"online": 10}, "online", 10),
        ({"offline": 10}, "offline", 10),
    ],
)
def test_its_state(api, heard, ago, signs, state, since):
    """The state follows from ages and status; a vehicle with a status alone is known."""
    heard("VIN-00001", **{name: ago(seconds) for name, seconds in signs.items()})
    found = api.get(PATH).json()
    assert (found["state"], found["since"]) == (state, since and format_timestamp(ago(since)))
    assert (found["received_at"] is None) == ("reading" not in signs)
    status = next((name for name in ("online", "offline") if name in signs), None)
    assert (found["status"], found["status_received_at"]) == (
        status,
        status and format_timestamp(ago(signs[status])),
    )


@pytest.mark.parametrize("vin", ["VIN-NEVER-SEEN", "NOPE", "a%20b"])
def test_an_unknown_vehicle(api, vin):
    """404 for an unknown VIN and for a malformed one."""
    problem(api.get(f"/api/vehicles/{vin}/connectivity"), 404)


def test_a_new_reading_is_a_sign_of_life(api, heard, ago):
    """The next call reports it; the shape of `latest` does not change."""
    heard("VIN-00001", reading=ago(1_000), offline=ago(500))
    assert api.get(PATH).json()["state"] == "offline"
    post(api, raw(second=(ago(0) - START).total_seconds()))
    assert api.get(PATH).json()["state"] == "online"
    assert list(api.get("/api/vehicles/VIN-00001/latest").json()) == LATEST_FIELDS


def test_the_limits_are_settings(serve, database_url, heard, ago):
    """Settings give the ages of stale and offline."""
    heard("VIN-00001", reading=ago(200))
    limits = {"connectivity_stale_after_s": 300, "connectivity_offline_after_s": 301}
    assert serve(database_url=database_url, **limits).get(PATH).json()["state"] == "online"
    limits = {"connectivity_stale_after_s": 1, "connectivity_offline_after_s": 100.5}
    found = serve(database_url=database_url, **limits).get(PATH).json()
    assert (found["state"], found["since"]) == ("offline", format_timestamp(ago(99.5)))


def test_the_fleet_by_connectivity(api, heard, ago):
    """Each state is listed in full pages, with others in between; without the filter, every vehicle."""
    signs = {"online": {"reading": 1}, "stale": {"reading": 100}, "offline": {"reading": 5, "offline": 2}}
    vins = {state: [f"VIN-{n:05}" for n in range(45) if list(signs)[n % 3] == state] for state in signs}
    for state, listed in vins.items():
        for vin in listed:
            heard(vin, **{name: ago(seconds) for name, seconds in signs[state].items()})
    for state, listed in vins.items():
        found = list(pages(api, "/api/vehicles", connectivity=state, limit=4))
        assert [len(page) for page in found] == [4, 4, 4, 3]
        items = [item for page in found for item in page]
        assert [item["vin"] for item in items] == listed
        assert {item["connectivity"]["state"] for item in items} == {state}
    [everybody] = pages(api, "/api/vehicles")
    assert [item["vin"] for item in everybody] == sorted(chain(*vins.values()))
    stale = everybody[1]
    assert stale["received_at"] == format_timestamp(ago(100))
    assert stale["connectivity"] == {"state": "stale", "since": format_timestamp(ago(40))}
    found = api.get("/api/vehicles", params={"connectivity": "offline", "vin_prefix": "VIN-00002"}).json()
    assert [item["vin"] for item in found["items"]] == ["VIN-00002"]


def test_a_token_holds_its_state(api, heard, ago):
    """With another state as parameter the token is refused."""
    for n in range(3):
        heard(f"VIN-{n:05}", reading=ago(1))
    token = api.get("/api/vehicles", params={"connectivity": "online", "limit": 1}).json()["next"]
    problem(api.get("/api/vehicles", params={"next": token, "connectivity": "stale"}), 400)
