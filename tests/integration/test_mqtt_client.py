"""The client over TCP, with a server that speaks in packets: what it sends, and how it reads."""

import errno
import socket
import threading
import time

import pytest

from ingest_worker.mqtt_client import MqttClient
from shared.settings import WorkerSettings
from tests.conftest import eventually
from tests.fake_client import SubscriberWithClient
from tests.packet_server import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    SUBSCRIBE,
    PacketServer,
)
from tests.packets import acknowledged, packet, publish
from tests.paho_callbacks import TOPIC

WITHIN_S = 10


class EagerClient(MqttClient):
    """A client that connects again at once, where the worker's waits for a second."""

    def configure(self, settings):
        super().configure(settings)
        self.reconnect_delay_set(min_delay=0, max_delay=0)


@pytest.fixture
def server():
    listening = PacketServer()
    yield listening
    listening.close()


@pytest.fixture
def make_on(server, monkeypatch, tmp_path):
    """Create subscribers of that server, none of which is started; they are stopped at the end."""
    monkeypatch.chdir(tmp_path)
    made = []

    def create(client=EagerClient, **settings):
        chosen = WorkerSettings(mqtt_host="127.0.0.1", mqtt_port=server.port, **settings)
        made.append(SubscriberWithClient(chosen, client))
        return made[-1]

    yield create
    for one in made:
        one.stop()


@pytest.fixture
def connected(make_on, server):
    """Start a subscriber and subscribe it: `connected()` returns it and the server's end of the link."""

    def start(client=EagerClient):
        subscriber = make_on(client)
        subscriber.start()
        link = server.accept()
        link.accept_client()
        eventually(lambda: subscriber.connection.is_listening)
        return subscriber, link

    return start


def numbers(deliveries):
    return [int.from_bytes(delivery.mid, "big") for delivery in deliveries]


def text(value):
    """Encode a string as a CONNECT holds it."""
    return len(value).to_bytes(2, "big") + value


@pytest.mark.parametrize(
    ("settings", "flags", "login"),
    [
        ({}, 0, b""),
        ({"mqtt_username": "u"}, 0x80, text(b"u")),
        ({"mqtt_username": "u", "mqtt_password": "p"}, 0xC0, text(b"u") + text(b"p")),
    ],
)
def test_the_session_outlives_the_process(make_on, server, settings, flags, login):
    """CONNECT: MQTT 3.1.1, no clean session, 30 s, the client id; a login only where one is set."""
    make_on(mqtt_client_id="worker-7", **settings).start()
    connect = server.accept().read()
    head = text(b"MQTT") + bytes([4, flags]) + (30).to_bytes(2, "big")
    assert connect == (CONNECT, head + text(b"worker-7") + login)


def test_making_one_connects_to_nothing(make_on, server):
    """A subscriber connects when it is started."""
    subscriber = make_on()
    with pytest.raises(TimeoutError):
        server.accept(within=0.1)
    assert subscriber.client.socket() is None
    assert not subscriber.client.is_running
    assert not subscriber.connection.is_listening
    subscriber.start()
    server.accept()
    assert subscriber.client.is_running


def test_a_client_that_has_stopped_does_not_run(connected):
    """After the DISCONNECT the network thread has ended."""
    subscriber, link = connected()
    subscriber.stop()
    assert link.read().command == DISCONNECT
    assert not subscriber.client.is_running


def test_a_client_whose_thread_died_does_not_run(connected, monkeypatch):
    """An exception in a callback ends paho's thread; the client says so."""
    subscriber, link = connected()
    # In the place of pytest's hook, which may be called during the next test.
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _arguments: died.set())

    def fail(*_arguments):
        raise RuntimeError("a callback that fails")

    subscriber.client.on_unsubscribe = fail
    link.send(packet(0xB0, b"\0\1"))
    eventually(lambda: not subscriber.client.is_running)
    assert died.wait(WITHIN_S)


def test_a_message_is_not_acknowledged_by_itself(connected):
    """A message was received, a receipt sent, and no PUBACK before it."""
    subscriber, link = connected()
    link.send(publish(TOPIC, mid=7))
    deliveries = subscriber.take(WITHIN_S)
    assert subscriber.publish([("t", b"")])
    assert link.read().topic == b"t"
    subscriber.acknowledge(deliveries)
    assert link.read() == (PUBACK, b"\0\7")


def test_many_messages_in_a_few_reads(connected):
    """Each read is one piece in the inbox; a message that a read has cut in two comes with the second."""
    subscriber, link = connected()
    stream = b"".join(publish(TOPIC, b"%d" % mid, mid=mid) for mid in range(1, 101))
    cut = len(stream) // 2 + 3
    link.send(stream[:cut])
    first = subscriber.take(WITHIN_S)
    link.send(stream[cut:])
    second = subscriber.take(WITHIN_S)
    assert numbers(first + second) == list(range(1, 101))
    assert [delivery.payload for delivery in first + second] == [b"%d" % mid for mid in range(1, 101)]
    assert first
    assert second


class FailingSocket(socket.socket):
    """A socket of which each read fails once `failure` is set."""

    failure = None

    def recv(self, *arguments):
        received = super().recv(*arguments)
        if self.failure is not None:
            raise self.failure
        return received


@pytest.fixture
def sockets(monkeypatch):
    """Return a list of the sockets that are connected from now on."""
    made = []
    connect = socket.create_connection

    def create(*arguments, **options):
        made.append(FailingSocket(fileno=connect(*arguments, **options).detach()))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", create)
    return made


@pytest.mark.parametrize("end", ["closed", "reset", "failed"])
def test_the_end_of_a_connection(connected, sockets, server, end):
    """Closed, reset, or broken in another way: paho reports the loss, and connects again."""
    subscriber, link = connected()
    if end == "closed":
        link.close()
    elif end == "reset":
        link.reset()
    else:
        sockets[0].failure = OSError(errno.ETIMEDOUT, "no answer")
        link.send(packet(PINGRESP))
    again = server.accept()
    assert not subscriber.connection.is_listening
    again.accept_client()
    eventually(lambda: subscriber.connection.is_listening)
    assert subscriber.connection.epoch == 2


@pytest.mark.parametrize("stream", [b"\x30\xff\xff\xff\xff", packet(0x32, b"\0\1a"), packet(0x30)])
def test_a_broker_that_speaks_something_else(connected, server, caplog, stream):
    """The connection ends with a protocol error; its bytes are dropped, and the thread survives."""
    subscriber, link = connected()
    link.send(stream)
    again = server.accept()
    assert "what is not MQTT 3.1.1" in caplog.text
    again.accept_client()
    again.send(publish(TOPIC, mid=9))
    assert [(one.epoch, one.mid) for one in subscriber.take(WITHIN_S)] == [(2, b"\0\x09")]
    subscriber.require_alive()


def test_half_a_packet_ends_with_its_connection(connected, server):
    """Bytes of the next connection are not taken for the rest of the packet."""
    subscriber, link = connected()
    whole = publish(TOPIC, b"x" * 300, mid=1)
    link.send(publish(TOPIC, mid=8) + whole[:200])
    assert numbers(subscriber.take(WITHIN_S)) == [8]
    link.close()
    again = server.accept()
    again.accept_client()
    again.send(whole)
    assert [(one.epoch, one.payload) for one in subscriber.take(WITHIN_S)] == [(2, b"x" * 300)]


def test_a_message_behind_the_connack(make_on, server):
    """In one read with it: the message is one of the connection that the CONNACK begins."""
    subscriber = make_on()
    subscriber.start()
    link = server.accept()
    assert link.read().command == CONNECT
    link.send(CONNACK, publish(TOPIC, mid=5), packet(PINGRESP), publish(TOPIC, mid=6))
    pieces = [subscriber.take(WITHIN_S), subscriber.take(WITHIN_S)]
    assert [numbers(piece) for piece in pieces] == [[5], [6]]
    assert {delivery.epoch for piece in pieces for delivery in piece} == {1}
    assert link.read().command == SUBSCRIBE


def test_acknowledgements_of_receipts_are_nothing_to_us(connected):
    """The broker acknowledges our receipts; paho, which did not send them, does not see that."""
    subscriber, link = connected()
    link.send(packet(PUBACK, b"\0\1"), packet(PUBACK, b"\xff\xff"), publish(TOPIC))
    assert numbers(subscriber.take(WITHIN_S)) == [1]
    assert subscriber.connection.is_listening
    subscriber.require_alive()


def test_receipts_and_then_acknowledgements(connected):
    """They go out whole, in the order of the calls, and a DISCONNECT behind them."""
    subscriber, link = connected()
    link.send(publish(TOPIC, mid=4), publish(TOPIC, mid=2))
    deliveries = subscriber.take(WITHIN_S)
    assert subscriber.publish((f"vehicles/{n}/receipts", b"x" * (n * 300)) for n in range(3)) is True
    subscriber.acknowledge(deliveries)
    subscriber.stop()
    receipts = b"".join(publish(b"vehicles/%d/receipts" % n, b"x" * (n * 300), mid=n + 1) for n in range(3))
    assert link.read_bytes(len(receipts)) == receipts
    assert acknowledged(link.read_bytes(8)) == [4, 2]
    assert link.read_bytes(2) == packet(DISCONNECT)


def test_nothing_is_read_while_the_inbox_is_full(connected, monkeypatch):
    """Messages wait in the socket until half of the inbox is left; acknowledgements go out meanwhile."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    subscriber, link = connected()
    link.send(publish(TOPIC, b"x" * 400, mid=1), publish(TOPIC, b"x" * 600, mid=2))
    eventually(lambda: subscriber.inbox.is_full)
    link.send(publish(TOPIC, b"y", mid=3))
    time.sleep(0.3)
    assert len(subscriber.inbox) == 2
    deliveries = subscriber.inbox.take(0)
    assert numbers(deliveries) == [1, 2]
    assert numbers(subscriber.take(WITHIN_S)) == [3]


def test_acknowledgements_go_out_while_the_inbox_is_full(connected, monkeypatch):
    """The network thread stops reading only: it writes on."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    subscriber, link = connected()
    link.send(publish(TOPIC, b"x", mid=1))
    deliveries = subscriber.take(WITHIN_S)
    link.send(publish(TOPIC, b"x" * 1000, mid=2))
    eventually(lambda: subscriber.inbox.is_full)
    subscriber.acknowledge(deliveries)
    assert link.read() == (PUBACK, b"\0\1")
    assert subscriber.inbox.is_full


class HastyClient(EagerClient):
    """A client that takes a broker for dead after four seconds of silence: a ping, and no answer to it."""

    def connect_async(self, host, port, keepalive):
        # Not 1: on a busy machine the network thread may stand still for a second.
        super().connect_async(host, port, keepalive=2)


def test_a_pause_is_no_silence_of_the_broker(connected, monkeypatch):
    """Paho would close a connection from which no bytes arrive within its keepalive."""
    monkeypatch.setattr("ingest_worker.inbox.MAX_BYTES", 1000)
    subscriber, link = connected(HastyClient)
    link.send(publish(TOPIC, b"x" * 1000))
    eventually(lambda: subscriber.inbox.is_full)
    for _ in range(2):
        assert link.read().command == PINGREQ
        link.send(packet(PINGRESP))
    assert subscriber.connection.is_listening
    assert len(subscriber.take(0)) == 1


def test_a_silent_broker_is_left(connected, server):
    """The check beside it: a broker that answers no ping is taken for dead."""
    subscriber, link = connected(HastyClient)
    assert link.read().command == PINGREQ
    server.accept()
    assert not subscriber.connection.is_listening


def test_unread_messages_reset_no_connection_at_the_end(connected):
    """A RST may overtake acknowledgements that the broker has not read: their messages would come again."""
    subscriber, link = connected()
    link.send(publish(TOPIC, b"{}", mid=1))
    [delivery] = subscriber.take(WITHIN_S)
    subscriber.inbox.await_room = lambda _timeout: False
    link.send(*[publish(TOPIC, b"{}", mid=mid) for mid in range(2, 100)])
    subscriber.acknowledge([delivery])
    stopping = threading.Thread(target=subscriber.stop)
    stopping.start()
    assert acknowledged(link.read_bytes(4)) == [1]
    assert link.read().command == DISCONNECT
    assert link.is_at_end()
    link.close()
    stopping.join(WITHIN_S)
    assert not stopping.is_alive()
