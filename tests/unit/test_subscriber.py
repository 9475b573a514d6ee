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
from tests.fake_client import FakeClient
from tests.packets import publish
from tests.paho_callbacks import TOPIC, arrive, connect, disconnect, granted, receive


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
