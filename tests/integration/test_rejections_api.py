"""Rejections over HTTP, against a real PostgreSQL: listed, shown, replayed, deleted."""

import json
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.refusal import Reason, Rejection
from tests.calls import plain_client
from tests.conftest import eventually
from tests.readings import at, payload, raw, row, stamp

PATH = "/api/rejections"
TOPIC = b"vehicles/VIN-00001/telemetry"
FIELDS = ["id", "vin", "received_at", "reason", "detail", "index", "topic", "payload_bytes"]


@pytest.fixture
def keep(engine):
    """Keep a rejection; returns its id as in a URL."""

    def make(message, *, second=0, vin="VIN-00001", reason=Reason.BAD_READING, index=None, topic=TOPIC):
        rejection = Rejection(vin, at(second), reason, "soc: out of range", index, topic, message)
        with engine.begin() as connection:
            keep_rejections(connection, [rejection])
        return str(rejection.id)

    return make


@pytest.fixture
def rows(engine):
    def query(sql):
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    return query


def problem(response, status):
    """Check that an answer is a well-formed problem with this status; returns it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    return body


def replay(api, rejection_id):
    return api.post(f"{PATH}/{rejection_id}/replay")


def ids(api, **params):
    """Collect the ids of every rejection that is listed, page by page."""
    body = api.get(PATH, params=params).json()
    found = [item["id"] for item in body["items"]]
    while body["next"]:
        body = api.get(PATH, params={"next": body["next"]}).json()
        found += [item["id"] for item in body["items"]]
    return found


def test_a_rejection_is_listed_without_its_payload(api, keep):
    """The item holds id, vehicle, time, reason, place and size; the fields are in this order."""
    found = keep(b"12345", index=3, topic=b"vehicles/\xff/telemetry\n")
    body = api.get(PATH).json()
    assert body == {
        "items": [
            {
                "id": found,
                "vin": "VIN-00001",
                "received_at": stamp(0),
                "reason": "bad_reading",
                "detail": "soc: out of range",
                "index": 3,
                "topic": "vehicles/\\xff/telemetry\n",
                "payload_bytes": 5,
            }
        ],
        "next": None,
    }
    assert list(body["items"][0]) == FIELDS


def test_a_rejection_is_shown_with_its_payload(api, keep):
    """As text in `payload`, or in `payload_base64` where it is not UTF-8: one of the two is null."""
    text_id, binary_id = keep("°C".encode()), keep(b"\xff\xfe")
    shown = api.get(f"{PATH}/{text_id}").json()
    assert list(shown) == [*FIELDS, "payload", "payload_base64"]
    assert (shown["payload"], shown["payload_base64"], shown["payload_bytes"]) == ("°C", None, 3)
    shown = api.get(f"{PATH}/{binary_id.upper()}").json()
    assert (shown["payload"], shown["payload_base64"], shown["payload_bytes"]) == (None, "//4=", 2)


@pytest.mark.parametrize("order", [None, "desc", "asc"])
def test_rejections_in_pages(api, keep, order):
    """Each is listed once, by time and then by id, by default newest first; ten share each moment."""
    kept = sorted((n // 10, keep(b"%d" % n, second=n // 10)) for n in range(50))
    expected = [rejection_id for _, rejection_id in (kept if order == "asc" else kept[::-1])]
    params = {"order": order} if order else {}
    assert ids(api, limit=7, **params) == expected
    assert ids(api, **params) == expected


def test_rejections_filtered(api, keep):
    """By reason, by vehicle in any case, by time of receipt with its edge; and all of them together."""
    old = keep(b"1", second=0)
    json_ = keep(b"2", second=1, reason=Reason.BAD_JSON)
    other = keep(b"3", second=2, vin="VIN-00002", reason=Reason.BAD_JSON)
    nameless = keep(b"4", second=3, vin="", reason=Reason.BAD_TOPIC)
    assert ids(api, reason="bad_json") == [other, json_]
    assert ids(api, vin="vin-00001") == [json_, old]
    assert ids(api, since=stamp(2)) == [nameless, other]
    assert ids(api, reason="bad_json", vin="VIN-00002", since=stamp(2)) == [other]
    assert ids(api, reason="too_many") == []
    assert ids(api, reason="bad_json", limit=1) == [other, json_]
    blank = api.get(f"{PATH}?since=2026-01-24T13:00:03+01:00").json()
    assert [item["id"] for item in blank["items"]] == [nameless]


@pytest.mark.parametrize(
    "query", ["reason=nonsense", "reason=", "vin=x", "vin=%00", "since=now", "since=2026-01-24T12:00:00",
              "order=up", "limit=0", "limit=1001"],
)  # fmt: skip
def test_absurd_filters(api, query):
    """Each is 422 with the parameter's name."""
    body = problem(api.get(f"{PATH}?{query}"), 422)
    assert body["errors"][0]["loc"] == ["query", query.split("=")[0]]


def test_a_token_belongs_to_its_query(api, keep):
    """With another filter, order or list a token is 400, and so is one that was changed."""
    for n in range(3):
        keep(b"%d" % n)
    token = api.get(PATH, params={"limit": 1, "reason": "bad_reading"}).json()["next"]
    assert api.get(PATH, params={"next": token, "order": "desc"}).status_code == 200
    for params in ({"order": "asc"}, {"reason": "bad_json"}, {"vin": "VIN-00001"}, {"since": stamp(0)}):
        problem(api.get(PATH, params={"next": token, **params}), 400)
    problem(api.get("/api/vehicles", params={"next": token}), 400)
    problem(api.get(PATH, params={"next": token[:-1]}), 400)


@pytest.mark.parametrize(
    "unknown",
    [uuid.UUID(int=0), "x", "%00", "{00000000-0000-0000-0000-000000000000}", "0" * 32, "é", "0" * 5000],
)
def test_an_unknown_id(api, unknown):
    """404 for every call, for an unknown id and for a malformed one."""
    problem(api.get(f"{PATH}/{unknown}"), 404)
    problem(api.delete(f"{PATH}/{unknown}"), 404)
    problem(replay(api, unknown), 404)


def test_a_rejection_is_deleted_for_good(api, keep):
    """204 without a body, and then the id is unknown; the other rejections stay."""
    gone, stays = keep(b"1"), keep(b"2")
    answer = api.delete(f"{PATH}/{gone}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(api.delete(f"{PATH}/{gone}"), 404)
    assert ids(api) == [stays]


def test_a_replay_stores_and_deletes_the_rejection(api, keep, rows):
    """The stored reading keeps the time of its first receipt, and is the vehicle's latest."""
    rejection_id = keep(payload(raw(second=5, soc=40.0)), second=9)
    assert replay(api, rejection_id).json() == {"stored": 1, "duplicate": 0}
    problem(replay(api, rejection_id), 404)
    assert rows("SELECT vin, ts, received_at, soc FROM telemetry") == [("VIN-00001", at(5), at(9), 40.0)]
    assert api.get("/api/vehicles/VIN-00001/latest").json()["soc"] == 40
    assert rows("SELECT * FROM rejections") == []


def test_a_replay_of_an_element_is_one_reading(api, keep, rows):
    """Kept with its own bytes and its index, without a vin: the topic names the vehicle."""
    element = json.dumps({"ts": stamp(1), "soc": 5}).encode()
    assert replay(api, keep(element, index=7)).json() == {"stored": 1, "duplicate": 0}
    assert rows("SELECT vin, ts FROM telemetry") == [("VIN-00001", at(1))]


def test_a_replay_of_a_stored_reading(api, keep, rows):
    """A reading with equal values is a duplicate, and the rejection is deleted."""
    api.post("/api/telemetry", json=[raw()])
    array = keep(payload(raw(second=0), raw(second=1)), reason=Reason.TOO_MANY)
    assert replay(api, array).json() == {"stored": 1, "duplicate": 1}
    assert rows("SELECT * FROM rejections") == []


def test_a_replay_that_contradicts_a_stored_reading(api, keep, rows):
    """409 with the reason; no reading is stored and the rejection stays, also when replayed again."""
    api.post("/api/telemetry", json=[raw(soc=1)])
    array = keep(payload(raw(second=1), raw(soc=2)), reason=Reason.TOO_MANY)
    for _ in range(2):
        body = problem(replay(api, array), 409)
        assert body["detail"] == (
            "Still refused (conflict): reading 1: another value of a signal is stored"
            " already for this vin and ts. The rejection stays."
        )
    assert rows("SELECT soc FROM telemetry") == [(1.0,)]
    assert ids(api) == [array]


def test_a_replay_that_is_refused_again(api, keep, rows):
    """422 that names each bad reading; the good ones are not stored either, and the row is unchanged."""
    array = keep(payload(raw(soc=101), raw(second=1), raw(second=2, soc=-1)), reason=Reason.TOO_MANY)
    before = rows("SELECT * FROM rejections")
    body = problem(replay(api, array), 422)
    assert body["detail"].startswith("Still refused (bad_reading): reading 0: soc: ")
    assert [(error["loc"], error["type"]) for error in body["errors"]] == [
        (["payload", 0], "bad_reading"),
        (["payload", 2], "bad_reading"),
    ]
    assert problem(replay(api, keep(b"nonsense")), 422)["errors"][0]["type"] == "bad_json"
    assert rows("SELECT * FROM telemetry") == []
    assert rows("SELECT * FROM rejections WHERE reason = 'too_many'") == before


def test_a_replay_after_a_future_ts_has_passed(serve, database_url, keep):
    """Refused while its `ts` lies ahead; the same rejection is stored once that moment has come."""
    api = serve(database_url=database_url, max_future_skew_s=0)
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    rejection_id = keep(payload({**raw(), "ts": soon.isoformat()}))
    assert "future" in problem(replay(api, rejection_id), 422)["detail"]
    time.sleep(max(0, (soon - datetime.now(UTC)).total_seconds()) + 0.05)
    assert replay(api, rejection_id).json() == {"stored": 1, "duplicate": 0}


def test_replay_after_a_fix(api, run_worker, publisher, rows, engine):
    """A reading that the table refuses is kept, refused again, and stored once the table is fixed."""
    check = "ALTER TABLE telemetry DROP CONSTRAINT telemetry_soc_check"
    with engine.begin() as connection:
        connection.execute(text(check))
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soc_check CHECK (soc <> 13)"))
    worker = run_worker()
    # Until the worker has subscribed, the broker has no session that would queue a message.
    eventually(lambda: worker.pulse.is_ready)
    publisher(TOPIC.decode(), payload(raw(), raw(second=1, soc=13)))
    eventually(lambda: rows("SELECT * FROM rejections"))
    [rejection_id] = ids(api, reason="refused_by_database")
    body = problem(replay(api, rejection_id), 422)
    assert "telemetry_soc_check" in body["detail"]
    assert body["errors"][0]["type"] == "refused_by_database"
    with engine.begin() as connection:
        connection.execute(text(check))
    assert replay(api, rejection_id).json() == {"stored": 1, "duplicate": 0}
    assert rows("SELECT soc FROM telemetry ORDER BY ts") == [(50.0,), (13.0,)]


def test_a_conflict_of_post_can_be_replayed(api, rows, engine):
    """A conflict of a POST has topic and payload; its replay succeeds once the stored reading is deleted."""
    api.post("/api/telemetry", json=[raw(soc=1)])
    api.post("/api/telemetry", json=[raw(soc=2)])
    [rejection_id] = ids(api)
    problem(replay(api, rejection_id), 409)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM telemetry"))
    assert replay(api, rejection_id).json() == {"stored": 1, "duplicate": 0}
    assert rows("SELECT soc FROM telemetry") == [(2.0,)]


def test_many_replay_at_once(api, keep, rows):
    """Of eight calls for one rejection one stores it, and the others answer 404."""
    rejection_id = keep(payload(raw()))
    answers = []

    def call():
        with plain_client(api.base_url, timeout=30) as other:
            answers.append(replay(other, rejection_id).status_code)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(answers) == [200] + 7 * [404]
    assert rows("SELECT count(*) FROM telemetry") == [(1,)]


def test_a_replay_and_a_redelivery_do_not_wait_for_each_other(api, keep, rows, engine):
    """The worker stores the same reading, then keeps the same rejection, while a replay waits for it."""
    rejection_id = keep(payload(raw()))
    answers = []
    caller = threading.Thread(target=lambda: answers.append(replay(api, rejection_id)))
    with engine.begin() as connection:
        store(connection, [row(received_at=at(0))], CopyBackoff())
        caller.start()
        eventually(lambda: _waiting(connection))
        again = Rejection("VIN-00001", at(1), Reason.BAD_READING, "", None, TOPIC, payload(raw()))
        keep_rejections(connection, [again])
    caller.join()
    assert answers[0].json() == {"stored": 0, "duplicate": 1}
    assert rows("SELECT count(*) FROM telemetry") == [(1,)]
    assert rows("SELECT * FROM rejections") == []


def _waiting(connection):
    return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one()


def test_a_fault_of_the_database_keeps_the_rejection(api, keep, engine):
    """No reading is at fault when the table is missing: 503, and the rejection can be replayed later."""
    rejection_id = keep(payload(raw()))
    for old, new in (("telemetry", "away"), ("away", "telemetry")):
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
        if new == "away":
            problem(replay(api, rejection_id), 503)
    assert replay(api, rejection_id).json() == {"stored": 1, "duplicate": 0}


def test_every_call_needs_a_key(serve, database_url):
    """With keys set, every call on rejections needs one."""
    api = serve(database_url=database_url, api_keys="one")
    path = f"{PATH}/{uuid.UUID(int=1)}"
    calls = [("GET", PATH), ("GET", path), ("DELETE", path), ("POST", f"{path}/replay")]
    for method, url in calls:
        problem(api.request(method, url), 401)
        assert api.request(method, url, headers={"X-API-Key": "one"}).status_code in {200, 404}


def test_openapi_describes_the_two_errors_of_a_replay(api):
    """The document explains 409 and 422; ids are uuids, reasons an enum."""
    document = api.get("/openapi.json").json()
    call = document["paths"]["/api/rejections/{id}/replay"]["post"]
    assert "another value" in call["responses"]["409"]["description"]
    assert "refused again" in call["responses"]["422"]["description"]
    assert call["parameters"][0]["schema"]["format"] == "uuid"
    assert set(document["components"]["schemas"]["Reason"]["enum"]) == set(Reason)
    assert set(document["paths"]["/api/rejections/{id}"]["delete"]["responses"]) == {
        "204", "401", "403", "404", "429", "503"
    }  # fmt: skip
