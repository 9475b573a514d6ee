"""The receipt of a message: the outcome of each of its readings."""

import json

import pytest

from ingest_worker.batch import Batch
from ingest_worker.delivery import Delivery
from ingest_worker.receipt import Receipt
from ingest_worker.write_batch import BatchOutcome, fill_receipts
from shared.wire.decoder import decode
from shared.wire.refusal import Reason, Rejection
from tests.readings import LATEST, START, payload, raw

CONFIRM = b"vehicles/vin-00001/telemetry/confirm"


def delivered(message, topic=CONFIRM):
    return Delivery(topic, message, 1, b"\0\1", False, False, 1, START)


def batch_of(*deliveries):
    batch = Batch(max_rows=1_000, max_deliveries=1_000, max_age_s=1, clock=lambda: 0.0)
    for delivery in deliveries:
        batch.append(delivery, decode(delivery.topic, delivery.payload, received_at=START, latest=LATEST))
    return batch.take()


def answers(contents):
    return [json.loads(receipt.payload()) for receipt in contents.receipts.values()]


def test_each_reading_is_named_once():
    """Stored, duplicate and rejected, in the order that they were sent in."""
    sent = payload(raw(second=0), raw(second=1, soc=101), raw(second=2), raw(second=3), raw(second=4))
    contents = batch_of(delivered(sent))
    conflict = Rejection("VIN-00001", START, Reason.CONFLICT, "", 4, CONFIRM, payload(raw(second=4)))
    written = BatchOutcome(stored=2, duplicates=[1], late={3: conflict})
    fill_receipts(contents, written)
    times = [raw(second=second)["ts"] for second in range(5)]
    assert answers(contents) == [
        {
            "stored": [times[0], times[3]],
            "duplicate": [times[2]],
            "rejected": [
                {"index": 1, "ts": times[1], "reason": "bad_reading"},
                {"index": 4, "ts": times[4], "reason": "conflict"},
            ],
        }
    ]


def test_only_who_asked_is_answered():
    """Two messages of the same content, one of them on the plain topic."""
    contents = batch_of(delivered(payload(raw()), b"vehicles/VIN-00001/telemetry"), delivered(payload(raw())))
    fill_receipts(contents, BatchOutcome(stored=1, duplicates=[1]))
    assert [receipt.topic for receipt in contents.receipts.values()] == ["vehicles/vin-00001/receipts"]
    assert answers(contents) == [{"stored": [], "duplicate": [raw()["ts"]], "rejected": []}]


@pytest.mark.parametrize(
    ("message", "rejected"),
    [
        (b"nonsense", {"index": None, "ts": None, "reason": "bad_json"}),
        (b"[]", {"index": None, "ts": None, "reason": "empty_array"}),
        (b"[" + b"1," * 10_000 + b"1]", {"index": None, "ts": None, "reason": "too_many"}),
        (b" " * 1_048_577, {"index": None, "ts": None, "reason": "too_large"}),
        (b"5", {"index": 0, "ts": None, "reason": "bad_reading"}),
        (b"[5]", {"index": 0, "ts": None, "reason": "bad_reading"}),
        (b"{}", {"index": 0, "ts": None, "reason": "bad_reading"}),
        (b'{"ts": 5}', {"index": 0, "ts": None, "reason": "bad_reading"}),
        (b'{"ts": "hunter2"}', {"index": 0, "ts": None, "reason": "bad_reading"}),
        (b'{"a": 1, "a": 2}', {"index": 0, "ts": None, "reason": "bad_reading"}),
        (
            b'{"ts": "2026-01-24T13:05:00+01:00"}',
            {"index": 0, "ts": "2026-01-24T12:05:00Z", "reason": "bad_reading"},
        ),
        (
            payload(raw("VIN-00002")),
            {"index": 0, "ts": raw()["ts"], "reason": "vin_mismatch"},
        ),
    ],
)
def test_what_was_refused_on_sight(message, rejected):
    """With the reason, the place, and the time where there is one that can be read."""
    contents = batch_of(delivered(message))
    fill_receipts(contents, BatchOutcome())
    assert answers(contents) == [{"stored": [], "duplicate": [], "rejected": [rejected]}]


def test_an_empty_message_is_answered():
    """Each message gets one receipt, also an empty one."""
    contents = batch_of(delivered(b""))
    assert answers(contents) == [{"stored": [], "duplicate": [], "rejected": []}]


def test_microseconds():
    """A time comes back as the instant it was, in UTC."""
    receipt = Receipt("t", stored=[START.replace(microsecond=120_000)])
    assert json.loads(receipt.payload())["stored"][0].endswith(".120000Z")
