"""The audit: changes and refusals as rows, GET /api/audit, retention; headers and ids of answers."""

import json
import logging
import re

import pytest
from sqlalchemy import text

from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.calls import pages, problem
from tests.conftest import eventually
from tests.exported import stored
from tests.keys import UNLIMITED, audited, header, make_key, until_known
from tests.readings import LATEST, payload, raw, row

PROFILE = "/api/vehicles/TRK-00001/profile"


def rejection(second):
    return Rejection(
        "TRK-00001",
        LATEST,
        Reason.BAD_READING,
        "",
        None,
        b"vehicles/TRK-00001/telemetry",
        payload(raw("TRK-00001", second)),
    )


@pytest.fixture
def keyed(serve, database_url, engine):
    """Start an API with an operator and an admin; the client sends the operator's key."""
    stored(engine, [row("TRK-00001")])
    operator = make_key(engine, "operator", "TRK-*", name="workshop")
    admin = make_key(engine, "admin", name="root")
    api = serve(database_url=database_url, **UNLIMITED)
    until_known(api, admin)
    api.headers.update(header(operator))
    api.admin = header(admin)
    return api


def test_every_change_is_a_row(keyed, engine):
    """In the transaction of the change: profile, replay, deletion, each with name, address, call and VIN."""
    kept = [rejection(second) for second in (100, 200)]
    with engine.begin() as connection:
        keep_rejections(connection, kept)
    assert keyed.put(PROFILE, json={"capacity_ah": 60}).status_code == 200
    assert keyed.post(f"/api/rejections/{kept[0].id}/replay").status_code == 200
    answer = keyed.delete(f"/api/rejections/{kept[1].id}")
    assert answer.status_code == 204
    found = audited(engine)
    assert [entry["call"] for entry in found] == [
        "PUT /api/vehicles/{vin}/profile",
        "POST /api/rejections/{id}/replay",
        "DELETE /api/rejections/{id}",
    ]
    for entry in found:
        of_all = ("workshop", "127.0.0.1", "TRK-00001", "done", 1)
        assert tuple(entry[name] for name in ("key_name", "address", "vin", "outcome", "times")) == of_all
    assert found[-1]["request_id"] == answer.headers["x-request-id"]


def test_a_change_that_was_none_is_no_row(keyed, engine):
    """A bad profile, and a rejection that is gone."""
    problem(keyed.put(PROFILE, json={"capacity_ah": -1}), 422)
    problem(keyed.delete(f"/api/rejections/{rejection(1).id}"), 404)
    assert audited(engine) == []


def test_the_group_of_a_vehicle_is_for_admins(keyed):
    """It decides which keys reach the vehicle: an operator can neither set nor clear it, nor give it away."""
    problem(keyed.put(PROFILE, json={"group": "north"}), 403)
    assert keyed.put(PROFILE, json={"group": "north"}, headers=keyed.admin).status_code == 200
    problem(keyed.put(PROFILE, json={"capacity_ah": 60}), 403)
    assert keyed.put(PROFILE, json={"capacity_ah": 60, "group": "north"}).status_code == 200
    assert keyed.get(PROFILE).json()["group"] == "north"


def test_without_a_key_no_vehicle_is_named(keyed, engine):
    """Random VINs of a client without a key fold into one row a second."""
    for number in range(30):
        problem(keyed.get(f"/api/vehicles/VIN-{number:05}/latest", headers=header("no-key")), 401)
    eventually(lambda: sum(entry["times"] for entry in audited(engine, outcome="unauthenticated")) == 30)
    found = audited(engine, outcome="unauthenticated")
    assert len(found) < 30
    assert {entry["vin"] for entry in found} == {None}


def test_refusals_are_rows_of_their_number(keyed, engine):
    """Equal refusals within a second are one row; others have rows of their own."""
    for _ in range(20):
        problem(keyed.get("/api/audit"), 403)
    eventually(lambda: sum(entry["times"] for entry in audited(engine, outcome="forbidden")) == 20)
    assert len(audited(engine, outcome="forbidden")) < 20


def test_the_list_for_admins(keyed, engine):
    """In pages, the newest first, by key, vehicle, outcome and time; never a key."""
    for capacity in (60, 61, 62):
        keyed.put(PROFILE, json={"capacity_ah": capacity})
    problem(keyed.get("/api/audit"), 403)
    problem(keyed.get("/api/vehicles/VIN-00001/latest"), 404)
    eventually(lambda: len(audited(engine)) == 5)
    keyed.headers.update(keyed.admin)
    listed = [item for page in pages(keyed, "/api/audit", limit=2) for item in page]
    assert [item["outcome"] for item in listed].count("done") == 3
    assert [item["at"] for item in listed] == sorted((item["at"] for item in listed), reverse=True)
    assert len(keyed.get("/api/audit?vin=vin-00001&outcome=outside").json()["items"]) == 1
    assert keyed.get("/api/audit?key_name=root").json()["items"] == []
    assert keyed.get("/api/audit?since=2100-01-01T00:00:00Z").json()["items"] == []
    assert "bt_" not in keyed.get("/api/audit").text


def test_old_entries_are_deleted(serve, database_url, engine):
    """Past AUDIT_KEEP_DAYS, by the API itself; at no age with 0."""
    insert = """
        INSERT INTO audit (at, call, outcome, times)
        SELECT now() - days * interval '1 day', 'old', 'done', 1 FROM generate_series(0, 29) AS days
    """
    with engine.begin() as connection:
        connection.execute(text(insert))
    serve(database_url=database_url, audit_keep_days=0)
    serve(database_url=database_url, audit_keep_days=10)
    eventually(lambda: len(audited(engine)) == 10)


def test_the_use_of_a_key_is_noted(keyed, engine):
    """With the next minute's write, for the keys that were used."""

    def used():
        with engine.connect() as connection:
            query = "SELECT name FROM api_keys WHERE last_used_at IS NOT NULL"
            return set(connection.execute(text(query)).scalars())

    eventually(lambda: "root" in used())


def test_a_forged_permit_notes_no_use(serve, database_url, engine):
    """The id of a key in a cookie is no use of it, unless the signature is right."""
    stored(engine, [row("TRK-00001")])
    make_key(engine, "reader", "TRK-*", name="unused")
    api = serve(database_url=database_url, **UNLIMITED)
    other = make_key(engine, "admin", name="root")
    until_known(api, other)
    forged = {"Cookie": "export-permit=9999999999.t1-x.y"}
    problem(api.get("/api/export/telemetry", params={"vin": "TRK-00001"}, headers=forged), 401)
    assert eventually(lambda: last_uses(engine)["root"])
    assert last_uses(engine)["unused"] is None


def last_uses(engine):
    """Return when each key was last used, by its name."""
    with engine.connect() as connection:
        return dict(connection.execute(text("SELECT name, last_used_at FROM api_keys")).all())


def test_headers_of_answers(keyed):
    """Data of vehicles is kept by no cache, files are; each answer has an id of its own."""
    latest, page = keyed.get("/api/vehicles/TRK-00001/latest"), keyed.get("/")
    assert latest.headers["cache-control"] == "no-store"
    assert "no-store" not in keyed.get("/docs").headers["cache-control"]
    for answer in (latest, page, keyed.get("/nothing"), keyed.get("/api/vehicles/VIN-00001/latest")):
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
        assert "strict-transport-security" not in answer.headers
    sent = keyed.get("/api/me", headers={"X-Request-ID": "mine"})
    assert sent.headers["x-request-id"] not in {"mine", latest.headers["x-request-id"]}


def test_closed_docs(serve, database_url):
    """With API_DOCS=false there are neither pages nor the document; a wrong path answers the same."""
    api = serve(database_url=database_url, api_docs=False)
    for path in ("/docs", "/openapi.json", "/docs/start.js"):
        assert problem(api.get(path), 404) == problem(api.get("/nothing"), 404)
    assert serve(database_url=database_url).get("/openapi.json").status_code == 200


def test_log_lines_hold_no_key(keyed, caplog):
    """At DEBUG each request is a line with its route: neither path nor query, where a key may stand."""
    caplog.set_level(logging.DEBUG, logger="api")
    keyed.get("/api/vehicles/TRK-00001/latest?key=bt_secret")
    keyed.get("/api/bt_secret")

    def lines():
        return [record.getMessage() for record in caplog.records if record.name == "api"]

    for begin in ("GET /api/vehicles/{vin}/latest: 200 in ", "GET unmatched: 404 in "):
        eventually(lambda begin=begin: any(line.startswith(begin) for line in lines()))
    assert "bt_secret" not in json.dumps(lines())
