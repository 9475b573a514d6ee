"""Framing of a byte stream into MQTT 3.1.1 packets, and parsing of its messages. No I/O.

paho reads a packet with three system calls and builds an object of twelve fields for each message; here
one system call brings thousands of messages.
"""

from typing import NamedTuple

_PUBLISH = 0x30
_PUBACK = b"\x40\x02"
_QOS_1 = 0x32
_RETAIN = 0x01
_DUP = 0x08
_MOST_IDS = 65_535
_new = tuple.__new__
_LONGEST = 268_435_455  # the largest length that fits into four bytes


class MalformedPacketError(Exception):
    """The stream is not MQTT 3.1.1; the connection can't go on."""


class Message(NamedTuple):
    """A PUBLISH as received."""

    topic: bytes
    payload: bytes
    qos: int
    mid: bytes
    """The packet id, two bytes; empty at QoS 0."""
    is_retained: bool = False
    """True for a message that was retained before this subscription."""
    is_repeated: bool = False
    """True (DUP) where the broker may have sent the message before."""


class Packet(NamedTuple):
    """Any other packet: its first byte, and the bytes after the length."""

    command: int
    body: bytes


class Framer:
    """A parser that is fed pieces of a stream, cut anywhere, and returns the complete packets in order."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._bytes_needed = 0

    def clear(self) -> None:
        """Drop an incomplete packet, before another connection begins."""
        self._rest.clear()
        self._bytes_needed = 0

    def feed(self, received: bytes) -> list[Message | Packet]:
        """Return the packets that are complete by now. Raises MalformedPacketError."""
        if self._rest:
            self._rest += received
            if len(self._rest) < self._bytes_needed:
                return []
            data = bytes(self._rest)
        else:
            data = received
        found: list[Message | Packet] = []
        start, end = 0, len(data)
        self._bytes_needed = 0
        while start + 2 <= end:
            first, length, body = data[start], data[start + 1], start + 2
            if length & 0x80:
                if body < end and not data[body] & 0x80:
                    # Two bytes, as of most messages: written out, for speed.
                    length, body = length & 0x7F | data[body] << 7, body + 1
                else:
                    length, body = _long_length(data, start + 1, end)
                    if not body:
                        break
            stop = body + length
            if stop > end:
                self._bytes_needed = stop - start
                break
            if first & 0xF0 == _PUBLISH:
                found.append(_message(data, first, body, stop))
            else:
                found.append(Packet(first, data[body:stop]))
            start = stop
        self._rest[:] = data[start:]
        return found


def _long_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a length of two to four bytes and the index after it; (0, 0) while it is incomplete."""
    length = shift = 0
    while at < end:
        length |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return length, at + 1
        at, shift = at + 1, shift + 7
        if shift > 21:
            raise MalformedPacketError("a length of more than four bytes")
    return 0, 0


def _message(data: bytes, first: int, body: int, stop: int) -> Message:
    topic = body + 2
    end = topic + (data[body] << 8 | data[body + 1]) if topic <= stop else stop + 1
    qos = first >> 1 & 3
    payload = end + 2 if qos else end
    if payload > stop or qos == 3:
        raise MalformedPacketError("a message that ends before its payload, or of a quality that is none")
    # Made without Message's own __new__, for speed: this runs once a message.
    return _new(
        Message,
        (
            data[topic:end],
            data[payload:stop],
            qos,
            data[end:payload],
            first & _RETAIN > 0,
            first & _DUP > 0,
        ),
    )


def pubacks(mids: list[bytes]) -> bytes:
    """Return the PUBACK packets of these packet ids, joined."""
    return _PUBACK + _PUBACK.join(mids) if mids else b""


def publish_at_most_once(topic: bytes, payload: bytes) -> bytes:
    """Return a PUBLISH packet at QoS 0."""
    body = len(topic).to_bytes(2, "big") + topic + payload
    return b"".join((bytes((_PUBLISH,)), remaining_length(len(body)), body))


class PacketIds:
    """Packet ids of outgoing messages: 1 to 65,535, then 1 again."""

    def __init__(self) -> None:
        self._last = 0

    def publish(self, topic: bytes, payload: bytes) -> bytes:
        """Return a PUBLISH packet at QoS 1 with the next id."""
        self._last = self._last % _MOST_IDS + 1
        body = b"".join((len(topic).to_bytes(2, "big"), topic, self._last.to_bytes(2, "big"), payload))
        return b"".join((bytes((_QOS_1,)), remaining_length(len(body)), body))


def remaining_length(number: int) -> bytes:
    """Return the bytes of MQTT's Remaining Length. Raises ValueError where it does not fit into four."""
    if number > _LONGEST:
        raise ValueError(f"{number} bytes are more than a packet may have")
    digits = bytearray()
    while True:
        number, digit = number >> 7, number & 0x7F
        digits.append(digit | 0x80 if number else digit)
        if not number:
            return bytes(digits)
