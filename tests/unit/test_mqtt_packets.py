"""A stream of bytes cut into MQTT packets, however it was torn."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_worker.mqtt_packets import (
    Framer,
    MalformedPacketError,
    Message,
    Packet,
    PacketIds,
    pubacks,
    remaining_length,
)
from tests.examples import examples
from tests.packets import packet, publish, remaining

TOPIC = b"vehicles/VIN-00001/telemetry"

published = st.fixed_dictionaries(
    {
        "topic": st.binary(max_size=40),
        "payload": st.binary(max_size=200),
        "qos": st.sampled_from([0, 1]),
        "mid": st.integers(1, 65_535),
        "dup": st.booleans(),
        "retain": st.booleans(),
    }
)
others = st.tuples(
    st.sampled_from([first for first in range(256) if first & 0xF0 != 0x30]), st.binary(max_size=200)
)
streams = st.lists(published | others, max_size=12)


def written(one):
    """Return the bytes of a packet."""
    return publish(**one) if isinstance(one, dict) else packet(*one)


def read(one):
    """Return the packet as the framer should parse it."""
    if not isinstance(one, dict):
        return Packet(*one)
    mid = one["mid"].to_bytes(2, "big") if one["qos"] else b""
    return Message(
        one["topic"], one["payload"], one["qos"], mid, one.get("retain", False), one.get("dup", False)
    )


def pieces(stream, cuts):
    """Return the stream split at these places."""
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@examples(daily=100, nightly=500)
@given(streams, st.lists(st.integers(0, 10_000), max_size=12))
@example([(0xD0, b"")], [1])
@example(
    [(0x20, b"\0\0"), {"topic": b"", "payload": b"", "qos": 1, "mid": 1, "dup": True, "retain": True}], []
)
def test_a_torn_stream(stream, cuts):
    """Split at any places: the same packets, in order, each as soon as its last byte is fed."""
    ends, end = [], 0
    for one in stream:
        end += len(written(one))
        ends.append(end)
    framer, found, fed = Framer(), [], 0
    for piece in pieces(b"".join(map(written, stream)), cuts):
        found += framer.feed(piece)
        fed += len(piece)
        assert len(found) == sum(end <= fed for end in ends)
    assert found == [read(one) for one in stream]


@examples(daily=50, nightly=50)
@given(streams)
def test_byte_by_byte(stream):
    """The smallest pieces there are."""
    framer = Framer()
    found = [one for byte in b"".join(map(written, stream)) for one in framer.feed(bytes([byte]))]
    assert found == [read(one) for one in stream]


@pytest.mark.parametrize("length", [4, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
@pytest.mark.parametrize("qos", [0, 1])
def test_where_a_length_needs_another_byte(length, qos):
    """A message just below and just above: the same whole, and torn around its length and its end."""
    payload = b"x" * (length - 2 - 2 * qos)
    message = publish(b"", payload, qos=qos, mid=7)
    header = len(message) - length
    assert message[1:header] == remaining(length)
    expected = [Message(b"", payload, qos, b"\0\7" if qos else b""), Packet(0xD0, b"")]
    stream = message + packet(0xD0)
    for cuts in ([], range(1, 12), [len(message) - 1, len(message), len(message) + 1], [len(message) // 2]):
        framer = Framer()
        assert [one for piece in pieces(stream, cuts) for one in framer.feed(piece)] == expected


@pytest.mark.parametrize("length", [127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_where_our_length_needs_another_byte(length):
    """A published packet has the length that a broker expects."""
    payload = b"x" * (length - 4 - len(TOPIC))
    assert PacketIds().publish(TOPIC, payload) == publish(TOPIC, payload, mid=1)
    assert remaining_length(length) == remaining(length)


def test_the_longest_packet():
    """Four bytes of length and no more, in either direction."""
    assert remaining_length(268_435_455) == b"\xff\xff\xff\x7f"
    with pytest.raises(ValueError, match="268435456 bytes"):
        remaining_length(268_435_456)
    assert Framer().feed(b"\x30\xff\xff\xff\x7f") == []
    assert Framer().feed(b"\x30\xff\xff\xff") == []


def test_flags():
    """A message that comes again, or was retained, says so and is else read like any other."""
    for dup in (False, True):
        for retain in (False, True):
            for qos, mid in ((0, b""), (1, b"\xff\xfe")):
                sent = publish(TOPIC, b"{}", qos=qos, mid=0xFFFE, dup=dup, retain=retain)
                assert Framer().feed(sent) == [Message(TOPIC, b"{}", qos, mid, retain, dup)]


def test_several_in_one_read():
    """Packets are returned in order, and an incomplete one waits for its end."""
    sent = [publish(TOPIC, b"%d" % mid, mid=mid) for mid in range(1, 1_001)]
    framer = Framer()
    found = framer.feed(b"".join(sent) + sent[0][:-1])
    assert [(int.from_bytes(one.mid, "big"), one.payload) for one in found] == [
        (mid, b"%d" % mid) for mid in range(1, 1_001)
    ]
    assert framer.feed(sent[0][-1:]) == found[:1]


MALFORMED = {
    "a length of five bytes": b"\x30\x80\x80\x80\x80\x01",
    "a length of four bytes that goes on": b"\xd0\xff\xff\xff\xff",
    "a message of nothing": packet(0x30),
    "a message of one byte": packet(0x30, b"\0"),
    "a topic that ends after its message": packet(0x30, b"\0\5abcd"),
    "a topic of 65,535 bytes that are not there": packet(0x32, b"\xff\xff"),
    "no packet id": packet(0x32, b"\0\1a"),
    "half a packet id": packet(0x32, b"\0\1a\0"),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_mqtt(sent):
    """A malformed packet is refused, also behind and before good ones, and split at any place."""
    good = publish(TOPIC, b"{}")
    for stream in (sent, good + sent, sent + good):
        with pytest.raises(MalformedPacketError):
            Framer().feed(stream)
        framer = Framer()
        with pytest.raises(MalformedPacketError):
            [framer.feed(bytes([byte])) for byte in stream]


@given(published | others, st.integers(0, 10_000))
def test_what_is_not_whole_waits(one, cut):
    """A packet that was cut off is neither a packet nor an error; with the rest of it it is itself."""
    sent = written(one)
    cut %= len(sent)
    framer = Framer()
    assert framer.feed(sent[:cut]) == []
    assert framer.feed(sent[cut:]) == [read(one)]


@examples(daily=150, nightly=1_000)
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=4))
@example(b"\x32\x02\xff\xff", [])
@example(b"\x30\x00\x00\x00", [1])
@example(b"\x36\x05\x00\x00\x00\x01x", [])
def test_any_bytes(stream, cuts):
    """Packets, or one kind of error; torn or whole, the packets before it are the same."""
    outcomes = []
    for torn in (pieces(stream, cuts), [bytes([byte]) for byte in stream]):
        framer, found, broken = Framer(), [], False
        try:
            for piece in torn:
                found += framer.feed(piece)
        except MalformedPacketError:
            broken = True
        outcomes.append((broken, found))
        assert sum(len(written_again(one)) for one in found) <= len(stream)
    assert outcomes[0][0] == outcomes[1][0]
    # Packets of the same read as an error are lost with the connection.
    assert outcomes[0][1] == outcomes[1][1][: len(outcomes[0][1])]


def written_again(one):
    return packet(one.command, one.body) if isinstance(one, Packet) else one.topic + one.payload + one.mid


@given(published | others, published, st.integers(0, 10_000))
def test_another_connection(cut_off, first, cut):
    """A new connection begins with a new packet, after any rest of the one before."""
    sent = written(cut_off)
    framer = Framer()
    framer.feed(sent[: cut % len(sent)])
    framer.clear()
    assert framer.feed(written(first)) == [read(first)]


def test_a_new_connection_after_a_malformed_one():
    """The malformed bytes are dropped with their connection."""
    framer = Framer()
    framer.feed(b"\x30")
    with pytest.raises(MalformedPacketError):
        framer.feed(b"\x00")
    framer.clear()
    assert framer.feed(packet(0x20, b"\0\0")) == [Packet(0x20, b"\0\0")]


@given(st.lists(st.integers(1, 65_535).map(lambda mid: mid.to_bytes(2, "big")), max_size=20))
def test_pubacks(mids):
    """One PUBACK for each id, in order; no bytes without ids."""
    assert pubacks(mids) == b"".join(packet(0x40, mid) for mid in mids)
    assert Framer().feed(pubacks(mids)) == [Packet(0x40, mid) for mid in mids]


def test_ids_begin_again():
    """Ids are 1 to 65,535, never 0; packets are PUBLISH at QoS 1 with topic and payload as given."""
    numbering = PacketIds()
    stream = b"".join(numbering.publish(b"t", b"%d" % n) for n in range(70_000))
    found = Framer().feed(stream)
    assert [one.mid for one in found[:3]] == [b"\0\1", b"\0\2", b"\0\3"]
    assert [int.from_bytes(one.mid, "big") for one in found] == [n % 65_535 + 1 for n in range(70_000)]
    assert {(one.topic, one.qos) for one in found} == {(b"t", 1)}
    assert [one.payload for one in found] == [b"%d" % n for n in range(70_000)]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_what_we_publish(topic, payload):
    """The packet is correct byte for byte."""
    assert PacketIds().publish(topic, payload) == publish(topic, payload, mid=1)
