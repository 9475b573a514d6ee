"""The subscriber, its callbacks called by hand: no broker, no network thread."""

import logging
import threading

import paho.mqtt.client as mqtt
import pytest

from ingest_worker.fatal_errors import (
    ClientIdTakenError,
    DeafWorkerError,
    FatalError,
    SubscriptionRefusedError,
)
from tests import packets
from tests.packets import publish
from tests.paho_callbacks import TOPIC, FakeThread, arrive, connect, disconnect, granted, receive

PUBACK = 0x40


def acknowledged(subscriber):
    """Return the ids of the PUBACKs that paho has queued."""
    written = b"".join(
        packet["packet"] for packet in subscriber._client._out_packet if packet["command"] == PUBACK
    )
    return packets.acknowledged(written)


def subscriptions(subscriber):
    """Return a list that collects the SUBSCRIBEs, none of which can be sent without a socket."""
    asked = []
    subscriber._client.subscribe = lambda *arguments, **options: asked.append((arguments, options))
    return asked


def test_the_session_outlives_the_process(make):
    """A fixed client id, no clean session, MQTT 3.1.1, and acknowledgements that wait for us."""
    subscriber = make(mqtt_client_id="worker-7")
    client = subscriber._client
    assert client._client_id == b"worker-7"
    assert client._clean_session is False
    assert client._protocol == mqtt.MQTTv311
    client._thread = FakeThread(alive=True)
    connect(subscriber)
    arrive(subscriber, publish(TOPIC))
    assert len(subscriber.inbox) == 1
    assert acknowledged(subscriber) == []


def test_making_one_connects_to_nothing(make):
    """A subscriber connects when it is started."""
    subscriber = make()
    assert subscriber._client.socket() is None
    assert subscriber._client._thread is None
    assert not subscriber.connection.is_listening


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
    asked = subscriptions(subscriber)
    for session in (False, True, True):
        connect(subscriber, session=session)
        disconnect(subscriber)
    assert asked == [(([(topic, 1) for topic in expected],), {})] * 3


def test_listening(subscriber):
    """Only between the SUBACK and the end of that connection."""
    states = [subscriber.connection.is_listening]
    for step in (connect, granted, disconnect, connect, granted):
        step(subscriber)
        states.append(subscriber.connection.is_listening)
    assert states == [False, False, True, False, False, True]


def test_a_refused_connection_is_none(subscriber, caplog):
    """Wrong credentials are logged, and the connection is not usable for acknowledgements."""
    asked = subscriptions(subscriber)
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
    """In one packet for paho, in their order, without those at QoS 0 and those of another connection."""
    connect(subscriber)
    old = receive(subscriber, 9)
    disconnect(subscriber)
    connect(subscriber)
    arrive(subscriber, *(publish(TOPIC, mid=mid) for mid in (3, 1)), publish(TOPIC, qos=0))
    arrive(subscriber, publish(TOPIC, mid=65_535))
    subscriber.acknowledge([old, *subscriber.take(0), *subscriber.take(0)])
    assert acknowledged(subscriber) == [3, 1, 65_535]
    assert len(subscriber._client._out_packet) == 1


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
    subscriber._client._thread = FakeThread(alive=False)
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_a_link_that_breaks_during_an_acknowledgement(subscriber):
    """Paho may report the end of the connection from within the same call: no deadlock."""
    connect(subscriber)
    delivery = receive(subscriber)
    subscriber._client.send_acknowledgements = lambda packets: disconnect(subscriber)
    rival = threading.Thread(target=subscriber.acknowledge, args=([delivery],), daemon=True)
    rival.start()
    rival.join(5)
    assert not rival.is_alive()
    assert not subscriber.connection._is_up


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
        seen.append((packets, subscriber.connection._is_up, rival.is_alive()))
        rivals.append(rival)

    rivals = []
    subscriber._client.send_acknowledgements = send
    subscriber.acknowledge([delivery])
    rivals[0].join()
    assert seen == [(b"\x40\x02\0\1", True, True)]
    assert not subscriber.connection._is_up


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
    subscriber._client._thread = FakeThread(alive=True)
    connect(subscriber)
    granted(subscriber, *codes)
    assert not subscriber.connection.is_listening
    assert subscriber.inbox._chunks.qsize() == 1
    assert subscriber.take(60) == []
    with pytest.raises(SubscriptionRefusedError, match="vehicles/"):
        subscriber.require_alive()


def test_alive_while_the_thread_is(subscriber):
    """No error is raised while paho's thread runs, connected or not."""
    subscriber._client._thread = FakeThread(alive=True)
    subscriber.require_alive()
    connect(subscriber)
    granted(subscriber)
    subscriber.require_alive()
    disconnect(subscriber)
    subscriber.require_alive()


@pytest.mark.parametrize("thread", [None, FakeThread(alive=False)])
def test_a_dead_thread_ends_the_worker(subscriber, thread):
    """The client would look connected for ever; the process must end instead."""
    connect(subscriber)
    granted(subscriber)
    subscriber._client._thread = thread
    with pytest.raises(DeafWorkerError):
        subscriber.require_alive()


class BrokenMessage:
    """A message of which a part can't be read."""

    def __iter__(self):
        yield TOPIC
        raise RuntimeError("broken")


def test_a_message_that_cannot_be_taken_ends_the_worker(subscriber):
    """The callback does not raise, and the worker does not go on without the message."""
    subscriber._client._thread = FakeThread(alive=True)
    connect(subscriber)
    subscriber._on_messages([BrokenMessage()])
    assert subscriber.take(0) == []
    with pytest.raises(FatalError, match="broken"):
        subscriber.require_alive()


def test_a_message_that_cannot_be_queued_ends_the_worker(subscriber, monkeypatch):
    """The same where the copy was made and the queue refused it."""
    subscriber._client._thread = FakeThread(alive=True)
    connect(subscriber)

    class FullQueue:
        def put(self, chunk):
            if chunk is not None:
                raise MemoryError

    monkeypatch.setattr(subscriber.inbox, "_chunks", FullQueue())
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


@pytest.mark.parametrize(
    ("settings", "name", "password"),
    [
        ({}, None, None),
        ({"mqtt_username": "u"}, b"u", None),
        ({"mqtt_username": "u", "mqtt_password": "p"}, b"u", b"p"),
    ],
)
def test_credentials(make, settings, name, password):
    """User name and password reach the client, and only when they are set."""
    client = make(**settings)._client
    assert (client._username, client._password) == (name, password)


def test_a_ca_file_that_is_none_is_an_os_error(make, tmp_path):
    """`__main__` turns it into one line that names MQTT_TLS_CA_FILE."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(OSError, match=r".+"):
        make(mqtt_tls_ca_file=path)
