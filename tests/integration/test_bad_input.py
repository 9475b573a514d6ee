"""The same bad input by MQTT and POST: the right answer, nothing stored of it, good readings kept."""

import json

import pytest
from sqlalchemy import text

from tests.bad_input import BAD_INPUTS
from tests.conftest import eventually
from tests.readings import payload, raw

TOPIC = "vehicles/VIN-00001/telemetry"
MORE_ON_MQTT = [
    ("another vehicle's vin", TOPIC, payload(raw("VIN-00002")), "vin_mismatch"),
    ("10,001 readings", TOPIC, payload(*(raw(second=n) for n in range(10_001))), "too_many"),
    ("over 1 MiB", TOPIC, b" " * (1024 * 1024) + b"1", "too_large"),
    ("a VIN that is too short", "vehicles/VIN/telemetry", payload(raw()), "bad_topic"),
    ("a VIN with a blank", "vehicles/VIN 00001/telemetry", payload(raw()), "bad_topic"),
    ("no VIN at all", "vehicles//telemetry", payload(raw()), "bad_topic"),
]


def test_there_are_enough_of_them():
    """The table holds at least 60 different inputs."""
    assert len({bad.payload for bad in BAD_INPUTS}) >= 60


def test_over_mqtt_each_is_a_rejection_and_good_readings_go_on(run_worker, publisher, engine):
    """Each alone, a good one behind it: every good one is stored, every bad one kept once with its reason."""
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    for place, bad in enumerate(BAD_INPUTS):
        publisher(TOPIC, bad.payload)
        publisher(TOPIC, payload(raw("VIN-00001", 1000 + place)))
    for _, topic, content, _ in MORE_ON_MQTT:
        publisher(topic, content)
    expected = {(TOPIC, bad.payload): bad.reason for bad in BAD_INPUTS}
    expected |= {(topic, content): reason for _, topic, content, reason in MORE_ON_MQTT}
    # One is an array, whose element is what is kept.
    del expected[TOPIC, b"[[]]"]
    inner = {(TOPIC, b"[]", 0): "bad_reading"}

    def kept():
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT topic, payload, index, reason FROM rejections"))
            return {(bytes(row[0]).decode(), bytes(row[1]), row[2]): row[3] for row in rows}

    wanted = {(topic, content, None): reason for (topic, content), reason in expected.items()} | inner
    eventually(lambda: len(kept()) >= len(wanted))
    assert kept() == wanted
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT count(*) FROM telemetry WHERE soc = 50")).scalar_one()
    assert stored == len(BAD_INPUTS)
    assert worker.thread.is_alive()
    assert worker.look().received == worker.look().stored + worker.look().rejected_total


def test_inside_an_array_only_the_bad_one_is_rejected(run_worker, publisher, engine):
    """Between two good readings: the two are stored, the bad one is kept with index 1 and its own bytes."""
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    elements = [bad for bad in BAD_INPUTS if bad.element and bad.reason != "bad_json"]
    for place, bad in enumerate(elements):
        first, last = (payload(raw("VIN-00001", 2 * place + n)) for n in range(2))
        publisher(TOPIC, b"[" + first + b", " + bad.payload + b" ," + last + b"]")
    eventually(lambda: worker.look().received == 3 * len(elements))
    eventually(lambda: worker.look().stored + worker.look().rejected_total == 3 * len(elements))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one() == 2 * len(elements)
        rows = connection.execute(text("SELECT index, reason, payload FROM rejections")).all()
    assert {(index, reason) for index, reason, _ in rows} == {(1, "bad_reading")}
    assert {bytes(kept) for _, _, kept in rows} == {bad.payload for bad in elements}


@pytest.fixture
def refuse(api):
    def post(body, status, name):
        answer = api.post("/api/telemetry", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", name
        problem = answer.json()
        assert problem["detail"], name
        return problem

    return post


def test_over_http_each_is_refused_and_nothing_is_stored(api, refuse):
    """Each between two good readings, or as the whole body: its status, where and why, and no row."""
    good = payload(raw())
    for bad in BAD_INPUTS:
        body = b"[" + good + b"," + bad.payload + b"," + good + b"]" if bad.element else bad.payload
        problem = refuse(body, bad.status, bad.name)
        if bad.status == 422 and bad.element and bad.reason != "bad_json":
            assert {tuple(error["loc"][:2]) for error in problem["errors"]} == {("body", 1)}, bad.name
            assert all(error["msg"] for error in problem["errors"]), bad.name
    assert api.get("/api/vehicles").json()["items"] == []
    assert api.get("/api/health").status_code == 200
    assert api.post("/api/telemetry", json=[raw()]).json() == {"inserted": 1}


def test_a_refusal_never_repeats_the_input(refuse):
    """The answer does not repeat the input: not as NaN, not as a script, not as a secret."""
    marker = "zq9-marker"
    for body in (
        f'[{{"vin":"{marker}!","ts":"{marker}","soc":"{marker}"}}]',
        f'["{marker}"]',
        f'{{"{marker}":1}}',
        f'[{{"vin":"VIN-00001","ts":"2026-01-24T12:05:00Z","soc":"{marker}","{marker}":1}}]',
        f'[{{"vin":"{marker}"',
    ):
        problem = refuse(body.encode(), 422, body)
        assert marker not in json.dumps(problem)
