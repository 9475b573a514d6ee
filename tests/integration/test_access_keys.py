"""Keys of the table: known to each process within 10 seconds, confined, expired, rotated, revoked."""

import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from scripts.launcher.module import Api
from shared.access.key_table import revoke_key, rotate_key
from tests.calls import problem
from tests.conftest import eventually
from tests.exported import READINGS, lines, stored
from tests.keys import UNLIMITED, header, make_key, until_known
from tests.readings import raw, row

LATEST = "/api/vehicles/{}/latest"
WITHIN_S = 10


@pytest.fixture
def start(serve, database_url):
    """Start an API without limits: `start(api_keys=...)`."""
    return lambda **settings: serve(database_url=database_url, **{**UNLIMITED, **settings})


def revoke(engine, name):
    with engine.begin() as connection:
        revoke_key(connection, name)


def test_the_first_key_closes_an_open_api(start, engine, caplog):
    """Without any key each call is answered, and the log says so once; a key that ended opens nothing."""
    caplog.set_level("INFO")
    api = start()
    assert api.get("/api/vehicles").status_code == 200
    assert api.get("/api/me").json() == {
        "name": None,
        "role": "admin",
        "rights": ["administer", "operate", "read", "send"],
        "vins": ["*"],
        "groups": [],
        "expires_at": None,
    }
    make_key(engine, "reader", name="one")
    eventually(lambda: api.get("/api/vehicles").status_code == 401, within=WITHIN_S)
    revoke(engine, "one")
    time.sleep(3)
    problem(api.get("/api/vehicles"), 401)
    assert [record.message for record in caplog.records if "No API key is set" in record.message] != []
    assert len([record for record in caplog.records if "No API key is set" in record.message]) == 1


def test_both_kinds_of_keys(start, engine):
    """Keys of API_KEYS are admins, beside those of the table."""
    key = make_key(engine, "reader", "TRK-*", name="workshop")
    api = start(api_keys="one,two")
    own = api.get("/api/me", headers=header(key)).json()
    assert (own["name"], own["role"], own["rights"], own["vins"]) == (
        "workshop",
        "reader",
        ["read"],
        ["TRK-*"],
    )
    assert key not in api.get("/api/me", headers=header(key)).text
    second = api.get("/api/me", headers=header("two")).json()
    assert (second["name"], second["role"]) == ("API_KEYS 2", "admin")


def test_a_key_ends(start, engine):
    """By its time without any change of the table, and by a revocation within 10 seconds."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    expiring = make_key(engine, "reader", name="expiring", expires_at=soon)
    revoked = make_key(engine, "reader", name="revoked")
    api = start()
    for key in (expiring, revoked):
        assert until_known(api, key)
    eventually(lambda: api.get("/api/vehicles", headers=header(expiring)).status_code == 401, within=WITHIN_S)
    assert datetime.now(UTC) >= soon
    revoke(engine, "revoked")
    eventually(lambda: api.get("/api/vehicles", headers=header(revoked)).status_code == 401, within=WITHIN_S)


def test_a_rotated_key(start, engine):
    """Both keys work during the overlap, with the same vehicles; then the old one ends."""
    old = make_key(engine, "reader", "TRK-*", name="workshop")
    api = start()
    with engine.begin() as connection:
        _, _, new = rotate_key(connection, "workshop", overlap=timedelta(seconds=6), expires_at=None)
    until_known(api, new)
    assert api.get("/api/me", headers=header(old)).json()["name"] == "workshop"
    assert api.get("/api/me", headers=header(new)).json()["vins"] == ["TRK-*"]
    eventually(lambda: api.get("/api/me", headers=header(old)).status_code == 401, within=6 + WITHIN_S)
    assert api.get("/api/me", headers=header(new)).status_code == 200


def test_groups(start, engine):
    """A key of a group reaches its vehicles of the moment, and none where no profile has the group."""
    stored(engine, [row("TRK-00001"), row("VIN-00001")])
    key = make_key(engine, "reader", "VIN-00001", name="north", groups=["north"])
    api = start()
    api.headers.update(until_known(api, key))
    assert api.get(LATEST.format("VIN-00001")).status_code == 200
    problem(api.get(LATEST.format("TRK-00001")), 404)
    with engine.begin() as connection:
        insert = (
            """INSERT INTO vehicle_profiles (vin, current_sign, "group") VALUES ('TRK-00001', 1, 'north')"""
        )
        connection.execute(text(insert))
    eventually(lambda: api.get(LATEST.format("TRK-00001")).status_code == 200, within=WITHIN_S)
    assert api.get("/api/fleet").json()["counts"]["vehicles"] == 2
    with engine.begin() as connection:
        connection.execute(text("""UPDATE vehicle_profiles SET "group" = 'south'"""))
    eventually(lambda: api.get(LATEST.format("TRK-00001")).status_code == 404, within=WITHIN_S)


def test_a_permit_has_the_scope_of_its_key(start, engine):
    """The cookie of an export stands for the key: for its vehicles, and while it is in force."""
    stored(engine, [row("TRK-00001"), row("VIN-00001")])
    key = make_key(engine, "reader", "TRK-*", name="workshop")
    api = start()
    until_known(api, key)
    address = f"{READINGS}?vin=TRK-00001&format=csv"
    given = [api.post(address, headers=header(key)).headers["set-cookie"].partition(";")[0] for _ in range(2)]
    api.cookies.clear()
    assert len(lines(api.get(address, headers={"Cookie": given[0]}))) == 1
    problem(api.post(f"{READINGS}?vin=VIN-00001&format=csv", headers=header(key)), 404)
    revoke(engine, "workshop")
    eventually(lambda: api.get("/api/me", headers=header(key)).status_code == 401, within=WITHIN_S)
    problem(api.get(address, headers={"Cookie": given[1]}), 401)


def test_each_of_several_processes(tmp_path, engine, database_url):
    """A new key, and then its revocation, is known in both processes within 10 seconds."""
    env = {
        "DATABASE_URL": database_url,
        "API_PROCESSES": "2",
        "API_KEYS": "one",
        "API_FAILED_KEYS_PER_MINUTE": "0",
    }
    server = Api(log=tmp_path / "api.log", env=env)
    server.start()

    def statuses(key):
        # Each over a connection of its own, which either process may accept.
        call = f"{server.base_url}/api/me"
        return {httpx.get(call, headers=header(key), verify=False).status_code for _ in range(25)}  # noqa: S501

    try:
        key = make_key(engine, "reader", name="workshop")
        time.sleep(WITHIN_S)
        assert statuses(key) == {200}
        revoke(engine, "workshop")
        time.sleep(WITHIN_S)
        assert statuses(key) == {401}
    finally:
        server.stop()
    assert key not in (tmp_path / "api.log").read_text()


def test_a_race_of_revoke_and_use(start, engine):
    """From the first refusal on every call of any client is refused; it comes within 10 s."""
    key = make_key(engine, "writer", "TRK-*", name="gateway")
    api = start()
    until_known(api, key)
    seen, over = [], threading.Event()

    def use(number):
        client = httpx.Client(base_url=api.base_url, headers=header(key), verify=False)  # noqa: S501
        with client:
            second = 0
            while not over.is_set():
                second += 1
                begun = time.monotonic()
                answer = client.post("/api/telemetry", json=[raw(f"TRK-0000{number}", second)])
                seen.append((begun, time.monotonic(), answer.status_code))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    revoke(engine, "gateway")
    revoked = time.monotonic()
    eventually(lambda: any(status == 401 for *_, status in list(seen)), within=WITHIN_S)
    time.sleep(1)
    over.set()
    for thread in threads:
        thread.join()
    assert {status for *_, status in seen} == {200, 401}
    first_refusal = min(end for _, end, status in seen if status == 401)
    assert not [status for begun, _, status in seen if begun > first_refusal and status == 200]
    assert first_refusal - revoked < WITHIN_S


def test_a_table_that_cannot_be_read(start, engine):
    """While the keys can't be renewed but the database answers, none of the table is accepted for long."""
    stored(engine, [row("TRK-00001")])
    key = make_key(engine, "reader", name="workshop")
    api = start(api_keys="one", api_statement_timeout_ms=1_000)
    until_known(api, key)
    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        eventually(
            lambda: api.get(LATEST.format("TRK-00001"), headers=header(key)).status_code == 503, within=20
        )
        lock.rollback()
    eventually(lambda: api.get(LATEST.format("TRK-00001"), headers=header(key)).status_code == 200, within=10)
