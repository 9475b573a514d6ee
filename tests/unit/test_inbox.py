"""What waits between the network thread and the worker: bounded, and nothing in it dropped on trust."""

import pytest

from tests.packets import publish
from tests.paho_callbacks import TOPIC, arrive, connect, disconnect


def put(subscriber, *mids, qos=1, payload=b"{}"):
    """Messages arrive in one read, and wait."""
    arrive(subscriber, *(publish(TOPIC, payload, qos=qos, mid=mid) for mid in mids))


def take_all(subscriber):
    """All that waits, in order; asks more often than can be needed."""
    return [delivery for _ in range(1_000) for delivery in subscriber.take(0)]


def number(delivery):
    return int.from_bytes(delivery.mid, "big")


def test_what_comes_again_does_not_wait_twice(subscriber):
    """What the broker redelivers takes the place of what waits: a flapping link does not fill memory."""
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
    assert subscriber.inbox._waiting_bytes == 0


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
    assert subscriber.inbox._waiting_bytes == 0


@pytest.mark.parametrize("session", [True, False])
def test_what_does_not_come_again_is_kept(subscriber, session):
    """A killed broker may have an older session, or none: what waits here may exist nowhere else."""
    connect(subscriber)
    for mid in (1, 2, 3):
        put(subscriber, mid, payload=b"%d" % mid)
    for _ in range(3):
        disconnect(subscriber)
        connect(subscriber, session=session)
    assert [delivery.payload for delivery in take_all(subscriber)] == [b"1", b"2", b"3"]


def test_unguaranteed_messages_do_not_fill_the_memory(make):
    """QoS 0 has no window: beyond the one we set they are dropped and counted."""
    subscriber = make(mqtt_max_inflight=10)
    connect(subscriber)
    for _ in range(25):
        put(subscriber, 0, qos=0)
    assert (len(subscriber.inbox), subscriber.inbox.unguaranteed_dropped) == (10, 15)


def test_large_messages_wait_at_the_broker(subscriber, monkeypatch):
    """Beyond its bytes the inbox refuses; once it is empty a reconnect asks for what it refused."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    for mid in range(1, 6):
        put(subscriber, mid, payload=b"x" * 400)
    assert len(subscriber.inbox) == 2
    assert not subscriber.inbox.wants_reconnect
    taken = [number(delivery) for _ in range(2) for delivery in subscriber.inbox.take(0)]
    assert subscriber.inbox.wants_reconnect
    disconnect(subscriber)
    connect(subscriber, session=True)
    assert (taken, subscriber.inbox.wants_reconnect) == ([1, 2], False)


def test_a_message_larger_than_all_room_is_taken_alone(subscriber, monkeypatch):
    """Were it refused for ever it would come again for ever."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 5000)
    assert [number(delivery) for delivery in take_all(subscriber)] == [1]


@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_refused_replaces_nothing(subscriber, monkeypatch, qos):
    """A copy that finds no room, or carries no promise, does not take away the message that waits here."""
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 400)
    disconnect(subscriber)
    connect(subscriber, session=False)
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 500)
    put(subscriber, 1, qos=qos, payload=b"x" * 400)
    assert [delivery.epoch for delivery in take_all(subscriber)] == [1]
    assert subscriber.inbox._waiting_bytes == 0


def test_what_was_read_at_once_is_taken_at_once(subscriber):
    """Each read in one piece, in order; a wake between two of them is an empty piece, and takes nothing."""
    connect(subscriber)
    put(subscriber, 3, 1, 2)
    subscriber.wake()
    put(subscriber, 4)
    pieces = [[number(delivery) for delivery in subscriber.take(0)] for _ in range(4)]
    assert pieces == [[3, 1, 2], [], [4], []]
    assert len(subscriber.inbox) == 0


def test_a_read_that_is_too_large_is_taken_in_part(subscriber, monkeypatch):
    """Of messages that came at once, those for which there is room wait; the others are asked for later."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, 2, 3, 4, payload=b"x" * 400)
    assert [number(delivery) for delivery in subscriber.inbox.take(0)] == [1, 2]
    assert subscriber.inbox.wants_reconnect


def test_a_piece_of_which_a_part_was_replaced(subscriber):
    """What came again goes out of the piece it came in; the rest stays, and every byte is counted."""
    connect(subscriber)
    for mid in (1, 2, 3):
        put(subscriber, mid, payload=b"x" * mid)
    disconnect(subscriber)
    connect(subscriber)
    put(subscriber, 2, payload=b"xx")
    assert (len(subscriber.inbox), subscriber.inbox._waiting_bytes) == (3, 6)
    left = [(2, 5), (2, 5), (1, 2), (0, 0)]
    for expected, (messages, size) in zip([[(1, 1)], [], [(3, 1)], [(2, 2)]], left, strict=True):
        assert [(number(delivery), delivery.epoch) for delivery in subscriber.take(0)] == expected
        assert (len(subscriber.inbox), subscriber.inbox._waiting_bytes) == (messages, size)
    assert not subscriber.inbox._replaced


def test_a_wake_survives_nothing_that_waits(subscriber):
    """A reconnect may swallow a wake, and never a message beside it."""
    connect(subscriber)
    put(subscriber, 1)
    subscriber.wake()
    put(subscriber, 2)
    disconnect(subscriber)
    connect(subscriber)
    assert [number(delivery) for delivery in take_all(subscriber)] == [1, 2]


def test_a_reconnect_is_asked_for_once_a_connection(subscriber, monkeypatch):
    """A connection that is not up yet is left alone: closed at each look, it would never come up."""
    closed = []
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    monkeypatch.setattr(subscriber.link, "leaving", lambda: closed.append(subscriber.link.epoch))
    connect(subscriber)
    put(subscriber, 1, 2, 3, payload=b"x" * 400)
    subscriber.take(0)
    for _ in range(3):
        subscriber.take(0)
    disconnect(subscriber)
    for _ in range(3):
        subscriber.take(0)
    assert closed == [1]
