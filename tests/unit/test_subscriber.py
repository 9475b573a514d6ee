"""The subscriber, its callbacks called by hand: no broker, no network thread."""

import inspect
import logging
import threading
import time

import pytest

from ingest_worker.fatal_errors import (
    ClientIdTakenError,
    DeafWorkerError,
    FatalError,
    SubscriptionRefusedError,
)
from ingest_worker.mqtt_client import MqttClient
from ingest_worker.mqtt_packets import Framer
from tests import packets
from tests.fake_client import FakeClient
from tests.packets import publish
from tests.paho_callbacks import TOPIC, arrive, connect, disconnect, granted, receive


def acknowledged(subscriber):
    """Return the ids of the PUBACKs that the client was asked to send."""
    return packets.acknowledged(b"".join(subscriber.client.acknowledgements))


def receipts(subscriber):
    """Return the PUBLISHes that the client was asked to send."""
    return Framer().feed(b"".join(subscriber.client.publishes))


def test_the_fake_client_has_no_method_of_its_own():
    """Each of its methods is one of MqttClient, and can be called with the same arguments."""
    methods = [name for name, _ in inspect.getmembers(FakeClient, inspect.isfunction) if name[0] != "_"]
    assert len(methods) == 8
    for name in methods:
        real = inspect.signature(getattr(MqttClient, name)).parameters
        fake = inspect.signature(getattr(FakeClient, name)).parameters
        assert len(fake) <= len(real), name
    assert isinstance(inspect.getattr_static(MqttClient, "is_running"), property)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["vehicles/+/telemetry", "vehicles/+/telemetry/confirm", "vehicles/+/status"]),
        (
            {"mqtt_shared_group": "g"},
            [
                "$share/g/vehicles/+/telemetry",
                "$share/g/vehicles/+/telemetry/confirm",
                "$share/g/vehicles/+/status",
            ],
        ),
    ],
)
def test_subscribes_on_every_connect(make, settings, expected):
    """At QoS 1, also with a session present: the broker may have kept that and lost the subscription."""
    subscriber = make(**settings)
    asked = subscriber.client.subscribed
    for session in (False, True, True):
        connect(subscriber, session=session)
        disconnect(subscriber)
    assert asked == [[(topic, 1) for topic in expected]] * 3


def test_listening(subscriber):
    """Only between the SUBACK and the end of that connection."""
    states = [subscriber.connection.is_listening]
    for step in (connect, granted, disconnect, connect, granted):
        step(subscriber)
        states.append(subscriber.connection.is_listening)
    assert states == [False, False, True, False, False, True]


def test_a_refused_connection_is_none(subscriber, caplog):
    """Wrong credentials are logged, and the connection is not usable for acknowledgements."""
    asked = subscriber.client.subscribed
    connect(subscriber, refused="Not authorized")
    assert asked == []
    assert not subscriber.connection.is_listening
    assert "MQTT_USERNAME" in caplog.text


def test_a_message_as_received(subscriber):
    """Topic and payload are bytes, copied as they came."""
    connect(subscriber)
    delivery = receive(subscriber, mid=7, payload=b"\xff\0")
    assert (delivery.topic, delivery.payload, delivery.mid, delivery.qos) == (TOPIC, b"\xff\0", b"\0\7", 1)
    assert delivery.epoch == 1
    assert delivery.received_at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("topic", [b"\xff\xfe", b"", b"a\0b"])
def test_a_topic_that_is_not_utf_8(subscriber, topic):
    """The message is handed on like any other: the decoder rejects it, and the network thread survives."""
    connect(subscriber)
    assert receive(subscriber, topic=topic).topic == topic


def test_order_of_receipt(subscriber):
    """Deliveries are taken in the order in which they came."""
    connect(subscriber)
    arrive(subscriber, publish(TOPIC, mid=5), publish(TOPIC, mid=3))
    arrive(subscriber, publish(TOPIC, mid=4))
    assert len(subscriber.inbox) == 3
    taken = [delivery.mid for _ in range(2) for delivery in subscriber.take(0)]
    assert taken == [b"\0\5", b"\0\3", b"\0\4"]
    assert subscriber.take(0) == []


def test_nothing_is_acknowledged_by_itself(subscriber):
    """Receiving is not storing."""
    connect(subscriber)
    receive(subscriber)
    assert acknowledged(subscriber) == []


def test_acknowledged_on_its_own_connection(subscriber):
    """Acknowledgements are sent in the order of the calls."""
    connect(subscriber)
    for delivery in [receive(subscriber, mid) for mid in (3, 1, 2)]:
        subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == [3, 1, 2]


def test_many_are_acknowledged_at_once(subscriber):
    """In one call of the client, in their order, without those at QoS 0 and those of another connection."""
    connect(subscriber)
    old = receive(subscriber, 9)
    disconnect(subscriber)
    connect(subscriber)
    arrive(subscriber, *(publish(TOPIC, mid=mid) for mid in (3, 1)), publish(TOPIC, qos=0))
    arrive(subscriber, publish(TOPIC, mid=65_535))
    subscriber.acknowledge([old, *subscriber.take(0), *subscriber.take(0)])
    assert acknowledged(subscriber) == [3, 1, 65_535]
    assert len(subscriber.client.acknowledgements) == 1


def test_qos_0_is_not_acknowledged(subscriber):
    """A message of QoS 0 has no id; an acknowledgement would be that of another message."""
    connect(subscriber)
    subscriber.acknowledge([receive(subscriber, mid=0, qos=0)])
    assert acknowledged(subscriber) == []


def test_not_while_the_link_is_down(subscriber):
    """The acknowledgement would go out on the next connection."""
    connect(subscriber)
    delivery = receive(subscriber)
    disconnect(subscriber)
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_not_without_the_network_thread(subscriber):
    """Paho would write from the worker's thread, fail there, and call us back while we hold the lock."""
    connect(subscriber)
    delivery = receive(subscriber)
    subscriber.client.is_running = False
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_a_link_that_breaks_during_an_acknowledgement(subscriber):
    """Paho may report the end of the connection from within the same call: no deadlock."""
    connect(subscriber)
    delivery = receive(subscriber)
    subscriber.client.send_acknowledgements = lambda packets: disconnect(subscriber)
    rival = threading.Thread(target=subscriber.acknowledge, args=([delivery],), daemon=True)
    rival.start()
    rival.join(5)
    assert not rival.is_alive()
    assert not subscriber.connection.is_up


def test_brief_links_in_a_row_end_the_worker(subscriber):
    """Six of them mean another client with the same id; one that we closed ourselves does not count."""
    for _ in range(5):
        connect(subscriber)
        disconnect(subscriber)
    connect(subscriber)
    subscriber.connection.leaving()
    disconnect(subscriber)
    subscriber.require_alive()
    connect(subscriber)
    disconnect(subscriber)
    with pytest.raises(ClientIdTakenError, match="MQTT_CLIENT_ID"):
        subscriber.require_alive()


@pytest.mark.parametrize("session", [True, False])
def test_not_on_a_later_connection(subscriber, session):
    """There its id may belong to a new message that is not stored yet: that one would be lost."""
    connect(subscriber)
    old = receive(subscriber, mid=1)
    disconnect(subscriber)
    connect(subscriber, session=session)
    new = receive(subscriber, mid=1)
    subscriber.acknowledge([old])
    assert acknowledged(subscriber) == []
    subscriber.acknowledge([new])
    assert acknowledged(subscriber) == [1]
    assert (old.epoch, new.epoch) == (1, 2)


def test_a_connection_that_was_replaced_unnoticed(subscriber):
    """Two CONNACKs without a disconnect between them are two connections all the same."""
    connect(subscriber)
    old = receive(subscriber)
    connect(subscriber)
    subscriber.acknowledge([old])
    assert acknowledged(subscriber) == []


def test_a_refused_reconnect_does_not_bring_the_link_up(subscriber):
    """After a CONNACK that refuses, old deliveries stay unacknowledged."""
    connect(subscriber)
    delivery = receive(subscriber)
    disconnect(subscriber)
    connect(subscriber, refused="Not authorized")
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_callbacks_and_acknowledgements_exclude_each_other(subscriber):
    """During an acknowledgement no callback can begin another connection."""
    connect(subscriber)
    delivery = receive(subscriber)
    seen = []

    def send(packets):
        rival = threading.Thread(target=disconnect, args=(subscriber,))
        rival.start()
        rival.join(0.05)
        seen.append((packets, subscriber.connection.is_up, rival.is_alive()))
        rivals.append(rival)

    rivals = []
    subscriber.client.send_acknowledgements = send
    subscriber.acknowledge([delivery])
    rivals[0].join()
    assert seen == [(b"\x40\x02\0\1", True, True)]
    assert not subscriber.connection.is_up


@pytest.mark.parametrize(
    ("sessions", "lost"),
    [([False], 0), ([True], 0), ([False, True], 0), ([False, False], 1), ([True, False, True, False], 2)],
)
def test_lost_sessions_are_counted(subscriber, caplog, sessions, lost):
    """The first connection may find none; from then on a missing session means lost messages."""
    for session in sessions:
        connect(subscriber, session=session)
        disconnect(subscriber)
    assert subscriber.connection.sessions_lost == lost
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING and "lost our session" in r.message]
    assert len(warnings) == lost


def test_a_lost_session_purges_nothing(subscriber):
    """Messages received before are still stored."""
    connect(subscriber)
    arrive(subscriber, publish(TOPIC, qos=0))
    disconnect(subscriber)
    connect(subscriber, session=False)
    assert [delivery.epoch for delivery in subscriber.take(0)] == [1]


@pytest.mark.parametrize("codes", [(128,), (1, 128), (135,), (0,), (2,)])
def test_a_refused_subscription_ends_the_worker(subscriber, codes):
    """A worker that receives no message must not look ready; a waiting take returns at once."""
    connect(subscriber)
    granted(subscriber, *codes)
    assert not subscriber.connection.is_listening
    began = time.monotonic()
    assert subscriber.take(10) == []
    assert time.monotonic() - began < 5
    with pytest.raises(SubscriptionRefusedError, match="vehicles/"):
        subscriber.require_alive()


def test_alive_while_the_thread_is(subscriber):
    """No error is raised while paho's thread runs, connected or not."""
    subscriber.require_alive()
    connect(subscriber)
    granted(subscriber)
    subscriber.require_alive()
    disconnect(subscriber)
    subscriber.require_alive()


def test_a_dead_thread_ends_the_worker(subscriber):
    """The client would look connected for ever; the process must end instead."""
    connect(subscriber)
    granted(subscriber)
    subscriber.client.is_running = False
    with pytest.raises(DeafWorkerError):
        subscriber.require_alive()


class BrokenMessage:
    """A message of which a part can't be read."""

    def __iter__(self):
        yield TOPIC
        raise RuntimeError("broken")


def test_a_message_that_cannot_be_taken_ends_the_worker(subscriber):
    """The callback does not raise, and the worker does not go on without the message."""
    connect(subscriber)
    subscriber.client.on_messages([BrokenMessage()])
    assert subscriber.take(0) == []
    with pytest.raises(FatalError, match="broken"):
        subscriber.require_alive()


def test_a_message_that_cannot_be_queued_ends_the_worker(subscriber, monkeypatch):
    """The same where the copy was made and the queue refused it."""
    connect(subscriber)

    def refuse(deliveries):
        raise MemoryError

    monkeypatch.setattr(subscriber.inbox, "put", refuse)
    arrive(subscriber, publish(TOPIC))
    with pytest.raises(FatalError):
        subscriber.require_alive()


def test_wake(subscriber):
    """A signal handler makes a waiting take return."""
    subscriber.wake()
    assert subscriber.take(60) == []


def test_a_wait_of_less_than_nothing(subscriber):
    """A batch that is overdue has a negative wait, which counts as 0."""
    assert subscriber.take(-5) == []


def test_receipts_and_acknowledgements_are_one_call_each(subscriber):
    """The receipts of a batch are one piece, its acknowledgements another: each piece is one write."""
    connect(subscriber)
    deliveries = [receive(subscriber, mid) for mid in (4, 2)]
    assert subscriber.publish((f"vehicles/{n}/receipts", b"%d" % n) for n in range(3)) is True
    subscriber.acknowledge(deliveries)
    assert len(subscriber.client.publishes) == len(subscriber.client.acknowledgements) == 1
    assert [(one.topic, one.payload, one.qos, one.mid) for one in receipts(subscriber)] == [
        (b"vehicles/%d/receipts" % n, b"%d" % n, 1, bytes([0, n + 1])) for n in range(3)
    ]
    assert acknowledged(subscriber) == [4, 2]


def test_receipts_are_numbered_on(subscriber):
    """From one batch to the next, over connections as well."""
    connect(subscriber)
    subscriber.publish([("t", b""), ("t", b"")])
    disconnect(subscriber)
    connect(subscriber)
    subscriber.publish([("t", b"")])
    assert [int.from_bytes(one.mid, "big") for one in receipts(subscriber)] == [1, 2, 3]


@pytest.mark.parametrize("broken", ["link", "thread"])
def test_receipts_that_cannot_be_sent(subscriber, broken):
    """The caller gets False, and no receipt is kept for another connection."""
    connect(subscriber)
    if broken == "link":
        disconnect(subscriber)
    else:
        subscriber.client.is_running = False
    assert subscriber.publish([("t", b"")]) is False
    assert subscriber.client.publishes == []


OLD = {"old/#"}


def test_filters_that_are_named_while_the_subscription_is_granted(subscriber, monkeypatch):
    """The worker names obsolete filters at the very moment at which the SUBACK arrives: they are sent."""
    is_granted = subscriber.connection.subscribed

    def name_then_note():
        subscriber.unsubscribe(OLD)
        is_granted()

    monkeypatch.setattr(subscriber.connection, "subscribed", name_then_note)
    connect(subscriber)
    granted(subscriber, 1, 1, 1)
    assert subscriber.client.unsubscribed == [sorted(OLD)]


def test_a_confirmation_that_is_quicker_than_the_call(subscriber):
    """The UNSUBACK arrives in the network thread before `unsubscribe` has returned its packet id."""
    confirmed = []

    class Quick:
        def unsubscribe(self, _topics):
            network = threading.Thread(target=lambda: confirmed.append(subscriber.subscription.confirmed(7)))
            network.start()
            network.join(0.1)
            self.network = network
            return 0, 7

    client = Quick()
    subscriber.subscription.obsolete = frozenset(OLD)
    subscriber.subscription.unsubscribe_obsolete(client)
    client.network.join()
    assert confirmed == [OLD]
    assert subscriber.subscription.unsubscribed == OLD
