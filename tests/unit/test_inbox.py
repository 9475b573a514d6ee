"""What waits between the network thread and the worker: bounded, and nothing in it dropped on trust."""

import paho.mqtt.client as mqtt
import pytest

from tests.paho_callbacks import TOPIC, connect, disconnect


def put(subscriber, mid, qos=1, payload=b"{}"):
    """A message arrives and waits."""
    message = mqtt.MQTTMessage(mid, TOPIC)
    message.payload, message.qos = payload, qos
    subscriber._client.on_message(subscriber._client, None, message)


def test_what_comes_again_does_not_wait_twice(subscriber):
    """What the broker redelivers takes the place of what waits: a flapping link does not fill memory."""
    connect(subscriber)
    for _ in range(6):
        for mid in range(1, 101):
            put(subscriber, mid, payload=b"%d" % mid)
        disconnect(subscriber)
        connect(subscriber, session=True)
    assert len(subscriber.inbox) == 100
    taken = [subscriber.take(0) for _ in range(100)]
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
    taken = [delivery for delivery in (subscriber.take(0) for _ in range(3)) if delivery]
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
    assert [subscriber.take(0).payload for _ in range(3)] == [b"1", b"2", b"3"]


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
    taken = [subscriber.inbox.take(0).mid for _ in range(2)]
    assert subscriber.inbox.wants_reconnect
    disconnect(subscriber)
    connect(subscriber, session=True)
    assert (taken, subscriber.inbox.wants_reconnect) == ([1, 2], False)


def test_a_message_larger_than_all_room_is_taken_alone(subscriber, monkeypatch):
    """Were it refused for ever it would come again for ever."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 5000)
    assert subscriber.take(0).mid == 1


@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_refused_replaces_nothing(subscriber, monkeypatch, qos):
    """A copy that finds no room, or carries no promise, does not take away the message that waits here."""
    connect(subscriber)
    put(subscriber, 1, payload=b"x" * 400)
    disconnect(subscriber)
    connect(subscriber, session=False)
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 500)
    put(subscriber, 1, qos=qos, payload=b"x" * 400)
    assert (subscriber.take(0).epoch, subscriber.take(0)) == (1, None)
    assert subscriber.inbox._waiting_bytes == 0
