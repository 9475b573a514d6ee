"""Limits: calls of a key, costly calls, unknown keys of an address."""

import time

import pytest

from tests.calls import problem
from tests.conftest import eventually
from tests.exported import stored
from tests.keys import audited, header, make_key, until_known
from tests.readings import row

LATEST = "/api/vehicles/TRK-00001/latest"
HISTORY = "/api/vehicles/TRK-00001/telemetry"


@pytest.fixture(autouse=True)
def readings(engine):
    stored(engine, [row("TRK-00001")])


@pytest.fixture(autouse=True)
def early_in_a_minute():
    """Begin where a window of a minute has 20 s left: windows of one begin at whole multiples of it."""
    if (left := 60 - time.time() % 60) < 20:
        time.sleep(left)


def limited(answer, most):
    """Check an answer of 429: its headers, and the time to wait."""
    detail = problem(answer, 429)["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit-Limit"] == str(most)
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert answer.headers["RateLimit-Reset"] == answer.headers["Retry-After"]
    return detail


def test_calls_of_a_key(serve, database_url, engine):
    """Each key of a reader or an operator has its own number; gateways and admins have no limit."""
    keys = {
        role: make_key(engine, role, *([] if role == "admin" else ["TRK-*"]))
        for role in ("reader", "operator", "writer", "admin")
    }
    api = serve(database_url=database_url, api_requests_per_minute=5, api_failed_keys_per_minute=0)
    for key in keys.values():
        until_known(api, key)
    for role in ("reader", "operator"):
        statuses = [api.get(LATEST, headers=header(keys[role])).status_code for _ in range(8)]
        assert statuses[-4:] == [429] * 4, role
        assert 200 in statuses
        assert "5 calls in a minute" in limited(api.get(LATEST, headers=header(keys[role])), 5)
    assert {api.get("/api/me", headers=header(keys["writer"])).status_code for _ in range(12)} == {200}
    assert {api.get(LATEST, headers=header(keys["admin"])).status_code for _ in range(12)} == {200}
    eventually(
        lambda: [entry for entry in audited(engine, outcome="limited") if entry["key_name"] == "a reader"]
    )


def test_costly_calls(serve, database_url, engine):
    """A budget of their own: other calls go on."""
    key = make_key(engine, "reader", "TRK-*")
    api = serve(database_url=database_url, api_costly_per_minute=3, api_failed_keys_per_minute=0)
    api.headers.update(until_known(api, key))
    paths = [HISTORY, "/api/vehicles/TRK-00001/battery", "/api/export/telemetry?vin=TRK-00001", HISTORY]
    assert [api.get(path).status_code for path in paths] == [200, 200, 200, 429]
    assert "3 costly calls" in limited(api.get(HISTORY), 3)
    assert api.get(LATEST).status_code == 200


def test_without_limits(serve, database_url, engine):
    """0 is none."""
    key = make_key(engine, "reader", "TRK-*")
    api = serve(
        database_url=database_url,
        api_requests_per_minute=0,
        api_costly_per_minute=0,
        api_failed_keys_per_minute=0,
    )
    api.headers.update(until_known(api, key))
    assert {api.get(HISTORY).status_code for _ in range(200)} == {200}


def test_an_open_api_has_no_limit(api):
    """A laptop needs none."""
    assert {api.get(HISTORY).status_code for _ in range(200)} == {200}


def test_unknown_keys_lock_an_address(serve, database_url, engine):
    """After ten, each other key is refused, the right one too; one that was used from there goes on."""
    used, fresh = (make_key(engine, "reader", "TRK-*", name=name) for name in ("used", "fresh"))
    api = serve(database_url=database_url)
    assert api.get(LATEST, headers=header(used)).status_code == 200
    statuses = [api.get(LATEST, headers=header(f"guess-{n}")).status_code for n in range(14)]
    assert statuses == [401] * 10 + [429] * 4
    assert "unknown keys" in limited(api.get(LATEST, headers=header(fresh)), 10)
    assert api.get(LATEST, headers=header(used)).status_code == 200
    problem(api.get(LATEST), 401)


def test_a_missing_key_is_no_guess(serve, database_url):
    """A page without a key asks for one: that does not lock its address."""
    api = serve(database_url=database_url, api_keys="one")
    assert {api.get(LATEST).status_code for _ in range(30)} == {401}
    assert api.get(LATEST, headers=header("one")).status_code == 200
