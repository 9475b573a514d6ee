"""The MQTT packets of the benchmarks' load generator."""

import pytest

from scripts.bench import packets

SHORT = packets.publish("a", b"hello", 0)
LONG = packets.publish("vehicles/VIN-00001/telemetry", b"x" * 20_000, 65_534)


def read(reader, stream):
    return list(reader.feed(stream))


def test_a_publication_is_as_mqtt_has_it():
    """QoS 1: fixed header, length, topic with its length, packet id, payload."""
    assert packets.publish("a", b"hello", 4) == b"\x32\x0a\x00\x01a\x00\x05hello"


@pytest.mark.parametrize(("number", "packet_id"), [(0, 1), (65_534, 65_535), (65_535, 1)])
def test_packet_ids_begin_again_and_are_never_0(number, packet_id):
    """MQTT forbids the id 0 and has no more than 65,535."""
    assert packets.publish("a", b"", number)[-2:] == packet_id.to_bytes(2, "big")


def test_a_long_packet_has_a_length_of_several_bytes():
    """20,032 bytes follow: 7 bits a byte, the lowest first."""
    assert LONG[1:4] == bytes([0xC0, 0x9C, 0x01])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 5_000, 50_000])
def test_the_stream_is_cut_into_packets_however_it_comes(size):
    """TCP keeps no boundaries: an incomplete packet waits for its rest."""
    stream = SHORT + LONG + SHORT
    reader = packets.Reader()
    found = [
        one for start in range(0, len(stream), size) for one in read(reader, stream[start : start + size])
    ]
    assert found == [
        (packets.PUBLISH, SHORT[2:]),
        (packets.PUBLISH, LONG[4:]),
        (packets.PUBLISH, SHORT[2:]),
    ]


def test_a_publication_is_acknowledged_with_its_id():
    """The acknowledgement names the id, wherever the topic ends."""
    ((_kind, body),) = read(packets.Reader(), LONG)
    assert packets.puback(body) == b"\x40\x02\xff\xff"
