"""The queue between the network thread and the worker: bounded, without loss of guaranteed messages."""

from datetime import UTC, datetime

import pytest

from tests.packets import publish
from tests.paho_callbacks import TOPIC, arrive, connect, disconnect


def put(subscriber, *mids, qos=1, payload=b"{}"):
    """Messages arrive in one read, and wait."""
    arrive(subscriber, *(publish(TOPIC, payload, qos=qos, mid=mid) for mid in mids))


def take_all(subscriber):
    """Return all deliveries that wait, in order."""
    return [delivery for _ in range(1_000) for delivery in subscriber.take(0)]


def number(delivery):
    return int.from_bytes(delivery.mid, "big")


def test_what_comes_again_does_not_wait_twice(subscriber):
    """A redelivered message replaces its waiting copy: a flapping connection does not fill the memory."""
    connect(subscriber)
    for _ in range(6):
        for mid in range(1, 101):
            put(subscriber, mid, payload=b"%d" % mid)
        disconnect(subscriber)
        connect(subscriber, session=True)
    assert len(subscriber.inbox) == 100
    taken = take_all(subscriber)
    assert [delivery.payload for delivery in taken] == [b"%d" % mid for mid in range(1, 101)]
    assert {delivery.epoch for delivery in taken} == {6}
    assert subscriber.inbox.waiting_bytes == 0


def test_what_was_replaced_is_not_taken(subscriber):
    """Of a message that waited and came again only the second is taken, acknowledged on its connection."""
    connect(subscriber)
    put(subscriber, 1, payload=b"a")
    put(subscriber, 2, payload=b"b")
    disconnect(subscriber)
    connect(subscriber)
    put(subscriber, 1, payload=b"a")
    taken = take_all(subscriber)
    assert [(delivery.payload, delivery.epoch) for delivery in taken] == [(b"b", 1), (b"a", 2)]
    assert subscriber.inbox.waiting_bytes == 0


@pytest.mark.parametrize("session", [True, False])
def test_what_does_not_come_again_is_kept(subscriber, session):
    """A killed broker may have an older session, or none: a waiting message may exist nowhere else."""
    connect(subscriber)
    for mid in (1, 2, 3):
        put(subscriber, mid, payload=b"%d" % mid)
    for _ in range(3):
        disconnect(subscriber)
        connect(subscriber, session=session)
    assert [delivery.payload for delivery in take_all(subscriber)] == [b"1", b"2", b"3"]


def test_what_comes_again_keeps_its_arrival(subscriber):
    """A source without times would get that of the reconnect, and all its values at once."""
    connect(subscriber)
    put(subscriber, 1, payload=b"a")
    before = datetime.now(UTC)
    disconnect(subscriber)
    connect(subscriber)
    put(subscriber, 1, payload=b"a")
    put(subscriber, 2, payload=b"b")
    again, new = take_all(subscriber)
    assert (again.epoch, new.epoch) == (2, 2)
    assert again.received_at <= before <= new.received_at


def test_a_retained_copy_replaces_another_retained_one_only(subscriber):
    """It is sent at each subscribing, and of a source without times not stored: the message itself is."""
    connect(subscriber)
    arrive(subscriber, publish(TOPIC, b"80", mid=1, retain=True), publish(TOPIC, b"80", mid=2))
    for _ in range(3):
        disconnect(subscriber)
        connect(subscriber, session=False)
        arrive(subscriber, publish(TOPIC, b"80", mid=1, retain=True))
    taken = take_all(subscriber)
    assert [(delivery.epoch, delivery.is_retained) for delivery in taken] == [(1, False), (4, True)]


def test_unguaranteed_messages_do_not_fill_the_memory(make):
    """QoS 0 has no window: beyond the one we set they are dropped and counted."""
    subscriber = make(mqtt_max_inflight=10)
    connect(subscriber)
    for _ in range(25):
        put(subscriber, 0, qos=0)
    assert (len(subscriber.inbox), subscriber.inbox.unguaranteed_dropped) == (10, 15)


def test_no_more_is_read_while_its_bytes_are_many(subscriber, monkeypatch):
    """Full from its limit on, and no longer once half of it is left: the client does not read meanwhile."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    seen = []
    for mid in range(1, 4):
        put(subscriber, mid, payload=b"x" * 400)
        seen.append(subscriber.inbox.is_full)
    assert seen == [False, False, True]
    assert not subscriber.client.await_room(0)
    for _ in range(3):
        subscriber.take(0)
        seen.append(subscriber.inbox.is_full)
    assert seen[3:] == [True, False, False]
    assert subscriber.inbox.waiting_bytes == 0


def test_a_new_connection_is_read_however_full(subscriber, monkeypatch):
    """The CONNACK has to be read: the subscription waits for it."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 1000)
    disconnect(subscriber)
    assert subscriber.client.await_room(0)
    connect(subscriber)
    assert not subscriber.client.await_room(0)


def test_a_message_larger_than_all_room_is_taken_alone(subscriber, monkeypatch):
    """The message fills the queue, is taken, and leaves room for the next one."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 5000)
    assert subscriber.inbox.is_full
    assert [number(delivery) for delivery in take_all(subscriber)] == [1]
    assert not subscriber.inbox.is_full


def test_what_is_dropped_replaces_nothing(make):
    """A copy without a promise, for which there is no room, does not take away a message that waits."""
    subscriber = make(mqtt_max_inflight=1)
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 400)
    disconnect(subscriber)
    connect(subscriber, session=False)
    put(subscriber, 1, qos=0, payload=b"x" * 400)
    assert [delivery.epoch for delivery in take_all(subscriber)] == [1]
    assert subscriber.inbox.waiting_bytes == 0


def test_what_was_read_at_once_is_taken_at_once(subscriber):
    """Each read is one chunk, in order; a wake between two of them is an empty chunk."""
    connect(subscriber)
    put(subscriber, 3, 1, 2)
    subscriber.wake()
    put(subscriber, 4)
    pieces = [[number(delivery) for delivery in subscriber.take(0)] for _ in range(4)]
    assert pieces == [[3, 1, 2], [], [4], []]
    assert len(subscriber.inbox) == 0


def test_a_read_goes_beyond_the_limit(subscriber, monkeypatch):
    """The messages of one read are all kept; further ones are not read."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, 2, 3, 4, payload=b"x" * 400)
    assert subscriber.inbox.is_full
    assert [number(delivery) for delivery in subscriber.inbox.take(0)] == [1, 2, 3, 4]
    assert not subscriber.inbox.is_full


def test_what_comes_again_makes_room(subscriber, monkeypatch):
    """The bytes of a message that came again are counted once."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    for _ in range(3):
        connect(subscriber, session=True)
        put(subscriber, 1, payload=b"x" * 900)
        disconnect(subscriber)
    assert (subscriber.inbox.waiting_bytes, subscriber.inbox.is_full) == (900, False)


def test_a_piece_of_which_a_part_was_replaced(subscriber):
    """A redelivered message leaves its old chunk; the rest of that stays, and every byte is counted."""
    connect(subscriber)
    for mid in (1, 2, 3):
        put(subscriber, mid, payload=b"x" * mid)
    disconnect(subscriber)
    connect(subscriber)
    put(subscriber, 2, payload=b"xx")
    assert (len(subscriber.inbox), subscriber.inbox.waiting_bytes) == (3, 6)
    left = [(2, 5), (2, 5), (1, 2), (0, 0)]
    for expected, (messages, size) in zip([[(1, 1)], [], [(3, 1)], [(2, 2)]], left, strict=True):
        assert [(number(delivery), delivery.epoch) for delivery in subscriber.take(0)] == expected
        assert (len(subscriber.inbox), subscriber.inbox.waiting_bytes) == (messages, size)


@pytest.mark.parametrize("end", ["taken", "reconnected"])
def test_a_replaced_delivery_is_not_remembered(subscriber, end):
    """Once its chunk has left the queue: remembered deliveries would fill the memory."""
    connect(subscriber)
    put(subscriber, 1)
    [earlier] = subscriber.inbox.take(0)
    subscriber.inbox.put([earlier])
    subscriber.inbox.begin_connection()
    put(subscriber, 1)
    if end == "reconnected":
        subscriber.inbox.begin_connection()
    assert [number(delivery) for delivery in take_all(subscriber)] == [1]
    # Were it remembered as replaced, it would be filtered here.
    subscriber.inbox.put([earlier])
    assert subscriber.take(0) == [earlier]


def test_a_wake_survives_nothing_that_waits(subscriber):
    """A reconnect may swallow a wake, and never a message beside it."""
    connect(subscriber)
    put(subscriber, 1)
    subscriber.wake()
    put(subscriber, 2)
    disconnect(subscriber)
    connect(subscriber)
    assert [number(delivery) for delivery in take_all(subscriber)] == [1, 2]
