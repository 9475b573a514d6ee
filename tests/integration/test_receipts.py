"""Receipts: published once a message's readings are in the database."""

import pytest
from sqlalchemy import text

from tests.conftest import eventually
from tests.readings import payload, raw

CONFIRM = "vehicles/VIN-00001/telemetry/confirm"
RECEIPTS = "vehicles/VIN-00001/receipts"


def stored(*seconds):
    return {"stored": [raw(second=second)["ts"] for second in seconds], "duplicate": [], "rejected": []}


@pytest.fixture
def worker(run_worker):
    started = run_worker()
    eventually(lambda: started.pulse.is_ready)
    return started


@pytest.mark.usefixtures("worker")
def test_one_answer_for_each_message(publisher, receipts, engine):
    """At QoS 1, on the vehicle's own topic, when its readings can be read from the database."""
    publisher(CONFIRM, payload(raw(second=0)))
    eventually(lambda: receipts)
    assert receipts == [(RECEIPTS, stored(0), 1)]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one() == 1
    publisher(CONFIRM, payload(raw(second=1), raw(second=2)))
    eventually(lambda: len(receipts) == 2)
    assert receipts[1] == (RECEIPTS, stored(1, 2), 1)


def test_who_asks_again_is_answered_again(worker, publisher, receipts):
    """After a lost receipt the vehicle sends again: the reading is a duplicate now."""
    for _ in range(2):
        publisher(CONFIRM, payload(raw()))
    eventually(lambda: len(receipts) == 2)
    again = {"stored": [], "duplicate": [raw()["ts"]], "rejected": []}
    assert [answer for _, answer, _ in receipts] == [stored(0), again]
    assert (worker.metrics.receipts_sent, worker.metrics.receipts_unsent) == (2, 0)


@pytest.mark.usefixtures("worker")
def test_what_became_of_each_reading(publisher, receipts):
    """New, known, contradicting and bad ones in one array, in one transaction."""
    publisher("vehicles/VIN-00001/telemetry", payload(raw(second=1), raw(second=2)))
    sent = (raw(second=0), raw(second=1), raw(second=2, soc=1.5), raw(second=3, soc=101), raw(second=0))
    publisher(CONFIRM, payload(*sent))
    eventually(lambda: receipts)
    assert receipts[0][1] == {
        "stored": [raw(second=0)["ts"]],
        "duplicate": [raw(second=1)["ts"], raw(second=0)["ts"]],
        "rejected": [
            {"index": 2, "ts": raw(second=2)["ts"], "reason": "conflict"},
            {"index": 3, "ts": raw(second=3)["ts"], "reason": "bad_reading"},
        ],
    }


@pytest.mark.usefixtures("worker")
def test_a_refusal_of_the_database(publisher, receipts, engine):
    """A row that only the database refuses is listed as rejected; the other rows are stored."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soh_check2 CHECK (soh < 90)"))
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_soh_check"))
        connection.execute(
            text("ALTER TABLE telemetry RENAME CONSTRAINT telemetry_soh_check2 TO telemetry_soh_check")
        )
    publisher(CONFIRM, payload(raw(second=0, soh=80), raw(second=1, soh=95), raw(second=2, soh=81)))
    eventually(lambda: receipts)
    assert receipts[0][1] == {
        **stored(0, 2),
        "rejected": [{"index": 1, "ts": raw(second=1)["ts"], "reason": "refused_by_database"}],
    }


@pytest.mark.usefixtures("worker")
def test_a_vehicle_hears_its_own_spelling(publisher, receipts):
    """A VIN in lower case is answered on the topic that this vehicle listens to."""
    publisher("vehicles/vin-00001/telemetry/confirm", payload(raw()))
    eventually(lambda: receipts)
    assert receipts[0][:2] == ("vehicles/vin-00001/receipts", stored(0))


@pytest.mark.usefixtures("worker")
def test_nobody_else_is_answered(publisher, receipts, engine):
    """The plain topic, a topic that names no vehicle: stored or rejected, and no receipt."""
    publisher("vehicles/VIN-00001/telemetry", payload(raw(second=0)))
    publisher("vehicles/x/telemetry/confirm", payload(raw("x", second=1)))
    publisher(CONFIRM, payload(raw(second=2)))
    eventually(lambda: receipts)
    assert receipts == [(RECEIPTS, stored(2), 1)]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT reason FROM rejections")).scalars().all() == ["bad_topic"]


def test_many_at_once(worker, publisher, receipts):
    """Each message of a backlog is answered, in order, although paho would send 20 at a time."""
    for second in range(300):
        publisher(CONFIRM, payload(raw(second=second)))
    eventually(lambda: len(receipts) == 300)
    assert [answer for _, answer, _ in receipts] == [stored(second) for second in range(300)]
    assert worker.metrics.receipts_unsent == 0
