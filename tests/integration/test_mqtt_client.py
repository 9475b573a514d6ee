"""Reads and writes of the client on its socket, past paho: no broker, no network thread."""

import paho.mqtt.client as mqtt
import pytest

from ingest_worker.mqtt_packets import Framer
from tests.packets import acknowledged, packet, publish
from tests.paho_callbacks import TOPIC, FakeThread, arrive, connect, disconnect, receive

CONNACK = packet(0x20, b"\1\0")


class FakeSocket:
    """A socket that returns these pieces, one for each read, and keeps the written bytes."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.written = b""

    def recv(self, size):
        piece = self.pieces.pop(0) if self.pieces else BlockingIOError()
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= size
        return piece

    def send(self, data):
        self.written += data
        return len(data)

    def fileno(self):
        return -1

    def close(self):
        """Do nothing."""


@pytest.fixture
def reads(subscriber):
    """Return a function that reads these pieces and once more, and returns the result of each read."""

    def read(*pieces):
        client = subscriber._client
        client._sock = FakeSocket(*pieces)
        results = [client._packet_read() for _ in range(len(pieces) + 1)]
        client._sock = None
        return results

    return read


def numbers(deliveries):
    return [int.from_bytes(delivery.mid, "big") for delivery in deliveries]


def written(subscriber):
    """Return the packets that wait to be written."""
    return Framer().feed(b"".join(packet["packet"] for packet in subscriber._client._out_packet))


def test_many_messages_in_a_few_reads(subscriber, reads):
    """Each read is one piece in the inbox; a message that a read has cut in two comes with the second."""
    connect(subscriber)
    stream = b"".join(publish(TOPIC, b"%d" % mid, mid=mid) for mid in range(1, 101))
    cut = len(stream) // 2 + 3
    assert reads(stream[:cut], stream[cut:]) == [0, 0, mqtt.MQTT_ERR_AGAIN]
    first, second = subscriber.take(0), subscriber.take(0)
    assert numbers(first + second) == list(range(1, 101))
    assert [delivery.payload for delivery in first + second] == [b"%d" % mid for mid in range(1, 101)]
    assert first
    assert second


@pytest.mark.parametrize("end", [b"", ConnectionResetError(), OSError()])
def test_the_end_of_a_connection(reads, end):
    """Closed or broken: paho reports the loss, and connects again."""
    assert reads(end)[0] == mqtt.MQTT_ERR_CONN_LOST


@pytest.mark.parametrize("stream", [b"\x30\xff\xff\xff\xff", packet(0x32, b"\0\1a"), packet(0x30)])
def test_a_broker_that_speaks_something_else(subscriber, reads, stream):
    """The connection ends with a protocol error; its bytes are dropped, and the thread survives."""
    connect(subscriber)
    assert reads(stream)[0] == mqtt.MQTT_ERR_PROTOCOL
    assert subscriber.take(0) == []
    subscriber.require_alive()


def test_half_a_packet_ends_with_its_connection(subscriber, reads):
    """Bytes of the next connection are not taken for the rest of the packet."""
    connect(subscriber)
    whole = publish(TOPIC, b"x" * 300, mid=1)
    assert reads(whole[:200])[0] == 0
    disconnect(subscriber)
    subscriber._client.on_pre_connect(subscriber._client, None)
    connect(subscriber)
    assert reads(whole)[0] == 0
    assert [(delivery.epoch, delivery.payload) for delivery in subscriber.take(0)] == [(2, b"x" * 300)]


def test_a_message_behind_the_connack(subscriber, reads):
    """In one read with it: the message is one of the connection that the CONNACK begins."""
    subscriber._client._state = mqtt._ConnectionState.MQTT_CS_CONNECTING
    assert reads(CONNACK + publish(TOPIC, mid=5) + packet(0xD0) + publish(TOPIC, mid=6))[0] == 0
    pieces = [subscriber.take(0), subscriber.take(0)]
    assert [numbers(piece) for piece in pieces] == [[5], [6]]
    assert {delivery.epoch for piece in pieces for delivery in piece} == {1}


def test_acknowledgements_of_receipts_are_nothing_to_us(subscriber, reads):
    """The broker acknowledges our receipts; paho, which did not send them, does not see that."""
    connect(subscriber)
    assert reads(packet(0x40, b"\0\1") + packet(0x40, b"\xff\xff") + publish(TOPIC))[0] == 0
    assert numbers(subscriber.take(0)) == [1]
    subscriber.require_alive()


def test_receipts_and_then_acknowledgements(subscriber):
    """Each in one piece, in the order of the calls."""
    connect(subscriber)
    subscriber._client._out_packet.clear()
    deliveries = [receive(subscriber, mid) for mid in (4, 2)]
    assert subscriber.publish((f"vehicles/{n}/receipts", b"%d" % n) for n in range(3)) is True
    subscriber.acknowledge(deliveries)
    receipts, pubacks = subscriber._client._out_packet
    found = Framer().feed(receipts["packet"])
    assert [(one.topic, one.payload, one.qos, one.mid) for one in found] == [
        (b"vehicles/%d/receipts" % n, b"%d" % n, 1, bytes([0, n + 1])) for n in range(3)
    ]
    assert acknowledged(pubacks["packet"]) == [4, 2]
    assert [one["command"] for one in (receipts, pubacks)] == [0x30, 0x40]


def test_receipts_are_numbered_on(subscriber):
    """From one batch to the next, over connections as well."""
    connect(subscriber)
    subscriber.publish([("t", b""), ("t", b"")])
    disconnect(subscriber)
    connect(subscriber)
    subscriber.publish([("t", b"")])
    assert numbers(written(subscriber)) == [1, 2, 3]


@pytest.mark.parametrize("broken", ["link", "thread"])
def test_receipts_that_cannot_be_sent(subscriber, broken):
    """The caller gets False, and no receipt is kept for another connection."""
    connect(subscriber)
    subscriber._client._out_packet.clear()
    if broken == "link":
        disconnect(subscriber)
    else:
        subscriber._client._thread = FakeThread(alive=False)
    assert subscriber.publish([("t", b"")]) is False
    assert not subscriber._client._out_packet


def test_what_is_written_goes_out_whole(subscriber):
    """Paho writes our packets completely, like its own."""
    connect(subscriber)
    client = subscriber._client
    client._out_packet.clear()
    arrive(subscriber, publish(TOPIC, mid=7), publish(TOPIC, mid=8))
    subscriber.publish([("t", b"x" * 300)])
    subscriber.acknowledge(subscriber.take(0))
    client._sock = FakeSocket()
    assert client._packet_write() == mqtt.MQTT_ERR_SUCCESS
    assert client._sock.written == publish(b"t", b"x" * 300, mid=1) + packet(0x40, b"\0\7") + packet(
        0x40, b"\0\x08"
    )
    client._sock = None
    assert not client._out_packet
