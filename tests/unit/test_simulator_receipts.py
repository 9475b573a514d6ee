import json
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.simulator.message import Message
from scripts.simulator.receipts import RETRY_DELAYS_S, Receipts
from tests.readings import stamp

VIN = "VIN-00001"


def message(*seconds, vin=VIN):
    return Message(0, f"vehicles/{vin}/telemetry/confirm", b"", vin, tuple(map(stamp, seconds)))


def receive(receipts, *, stored=(), duplicate=(), rejected=(), vin=VIN):
    """Deliver a receipt for readings of these seconds; `rejected` holds (second, reason)."""
    content = {
        "stored": list(map(stamp, stored)),
        "duplicate": list(map(stamp, duplicate)),
        "rejected": [{"index": 0, "ts": stamp(second), "reason": why} for second, why in rejected],
    }
    receipts.receive(f"vehicles/{vin}/receipts", json.dumps(content).encode())


def published(receipts, *messages, now=0.0):
    """Register messages as published and acknowledged at `now`."""
    pending_messages = [receipts.expect(each) for each in messages]
    for pending in pending_messages:
        receipts.acknowledged(pending, now)
    return pending_messages


def due(receipts, now):
    """Return the messages published again at `now`, and acknowledge them at once."""
    pending_messages = list(receipts.due(now))
    for pending in pending_messages:
        receipts.acknowledged(pending, now)
    return [pending.message for pending in pending_messages]


def test_a_reading_is_settled_by_any_naming():
    """Stored, duplicate or rejected: the reading has its receipt, each is counted, none is due again."""
    receipts = Receipts()
    published(receipts, *map(message, range(4)))
    receive(receipts, stored=[1], duplicate=[0], rejected=[(3, "conflict"), (2, "bad_reading")])
    assert (receipts.stored, receipts.duplicate, receipts.settled) == (1, 1, 4)
    assert receipts.rejected == {"conflict": 1, "bad_reading": 1}
    assert receipts.open_messages == 0
    assert due(receipts, 1e9) == []


def test_an_array_stays_open_until_its_last_reading_is_named():
    """The whole array is published again; readings named before are not counted twice."""
    receipts = Receipts()
    array = message(0, 1, 2)
    published(receipts, array)
    receive(receipts, stored=[0, 2])
    assert (receipts.settled, receipts.open_messages) == (2, 1)
    assert due(receipts, 5) == [array]
    receive(receipts, stored=[1], duplicate=[0, 2])
    assert (receipts.stored, receipts.duplicate, receipts.open_messages) == (3, 0, 0)


def test_the_same_moment_may_be_spelled_otherwise():
    """A receipt for a vehicle spelled in lower case, with zero microseconds written out, is ours."""
    receipts = Receipts()
    receipts.expect(Message(0, "", b"", "Vin-00001", ("2026-01-24T14:30:00.0000009+02:30",)))
    receipts.receive(
        "vehicles/vIN-00001/receipts",
        b'{"stored":["2026-01-24T12:00:00.000000Z"],"duplicate":[],"rejected":[]}',
    )
    assert receipts.open_messages == 0


def test_receipts_that_are_not_ours_are_ignored():
    """Of another vehicle, of another time, a second receipt, or a rejection that names no reading."""
    receipts = Receipts()
    published(receipts, message(0), message(1))
    receive(receipts, stored=[0])
    receive(receipts, duplicate=[0])
    receive(receipts, stored=[1], vin="VIN-00002")
    receive(receipts, stored=[2])
    receipts.receive(
        f"vehicles/{VIN}/receipts",
        b'{"stored":[],"duplicate":[],"rejected":[{"index":null,"ts":null,"reason":"bad_json"}]}',
    )
    assert (receipts.stored, receipts.settled, receipts.open_messages) == (1, 1, 1)
    assert receipts.broken == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"stored":[],"duplicate":[]}',
        b'{"stored":"2026-01-24T12:00:00Z","duplicate":[],"rejected":[]}',
        b'{"stored":["2026-01-24T12:00:00Z", 7],"duplicate":[],"rejected":[]}',
        b'{"stored":["2026-01-24T12:00:00Z"],"duplicate":["noon"],"rejected":[]}',
        b'{"stored":["2026-01-24T12:00:00Z"],"duplicate":[],"rejected":[7]}',
        b'{"stored":["2026-01-24T12:00:00Z"],"duplicate":[],"rejected":[{"ts":"2026-01-24T12:00:00Z"}]}',
        b'{"stored":[],"duplicate":[],"rejected":[{"ts":"2026-01-24T12:00:00Z","reason":[]}]}',
        b'{"stored":["2026-01-24T12:00:00Z"],"stored":[],"duplicate":[],"rejected":[]}',
    ],
)
def test_a_broken_receipt_settles_nothing_and_is_counted(payload):
    """A part that could be read does not count either."""
    receipts = Receipts()
    published(receipts, message(0))
    receipts.receive(f"vehicles/{VIN}/receipts", payload)
    assert (receipts.broken, receipts.settled, receipts.open_messages) == (1, 0, 1)


@given(st.text(), st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_no_receipt_does_harm(name, payload):
    """With any name and content no reading is settled and no error raised."""
    receipts = Receipts()
    published(receipts, message(0))
    receipts.receive(f"vehicles/{name}/receipts", payload)
    assert (receipts.broken, receipts.open_messages) == (1, 1)


def test_delays_double_up_to_a_minute():
    """Without a receipt a message is published again after 5, 10, 20, 40 s, then every minute."""
    receipts = Receipts()
    published(receipts, message(0))
    times = [second for second in range(300) if due(receipts, second)]
    assert times == [5, 15, 35, 75, 135, 195, 255]
    assert receipts.republished == 7
    receive(receipts, duplicate=[0])
    assert due(receipts, 1e9) == []


def test_what_the_broker_has_not_acknowledged_is_not_published_again():
    """The delay runs from the acknowledgement, of the first publication and of each further one."""
    receipts = Receipts()
    [late, first] = [receipts.expect(message(second)) for second in (0, 1)]
    receipts.acknowledged(first, 0)
    assert list(receipts.due(100)) == [first]
    assert list(receipts.due(1000)) == []
    receipts.acknowledged(late, 1000)
    receipts.acknowledged(first, 1000)
    assert list(receipts.due(1009)) == [late]
    assert list(receipts.due(1010)) == [first]


def test_a_receipt_ahead_of_the_acknowledgement_is_enough():
    """The acknowledgement that comes later, or never, starts no delay."""
    receipts = Receipts()
    pending = receipts.expect(message(0))
    receive(receipts, stored=[0])
    receipts.acknowledged(pending, 0)
    assert receipts.open_messages == 0
    assert due(receipts, 1e9) == []


def test_readings_with_one_key_need_a_naming_each():
    """A recording may hold a key twice, in one message or in two: each is settled, in order."""
    receipts = Receipts()
    first, second = message(0, 0), message(0)
    published(receipts, first, second)
    receive(receipts, stored=[0], rejected=[(0, "conflict")])
    assert (receipts.settled, receipts.open_messages) == (2, 1)
    assert due(receipts, 5) == [second]
    receive(receipts, duplicate=[0])
    assert (receipts.settled, receipts.open_messages) == (3, 0)
    published(receipts, message(0), now=5)
    assert receipts.open_messages == 1


def test_what_is_settled_leaves_nothing_behind():
    """Memory holds outstanding readings only, also in a long run."""
    receipts = Receipts()

    def settle(seconds):
        for second in seconds:
            published(receipts, message(second, second), now=second / 1000)
            receive(receipts, stored=[second], duplicate=[second])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = settle(range(100))
        # 200 bytes for each of the readings would be 400,000.
        assert settle(range(100, 1_100)) - before < 100_000
    finally:
        tracemalloc.stop()


BATCHES = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=12)


@given(batches=BATCHES, lost=st.lists(st.booleans(), max_size=60), reverse=st.booleans())
def test_every_reading_ends_with_a_receipt_in_the_end(batches, lost, reverse):
    """With colliding keys and lost receipts, in either order: all settle, each once."""
    receipts = Receipts()
    messages = [message(*seconds) for seconds in batches]
    published(receipts, *messages)
    losses = iter(lost)
    seen = Counter()
    waiting, now = messages[::-1] if reverse else messages, 0.0
    while receipts.open_messages:
        assert waiting, "open, and never published again"
        for each in waiting:
            seconds = [int(ts[17:19]) for ts in each.times]
            if next(losses, False):
                continue
            for second in seconds:
                kind = "duplicate" if seen[second] else "stored"
                seen[second] += 1
                receive(receipts, **{kind: [second]})
        now += RETRY_DELAYS_S[-1]
        waiting = due(receipts, now)
    assert receipts.settled == sum(map(len, batches))
    assert due(receipts, 1e9) == []
