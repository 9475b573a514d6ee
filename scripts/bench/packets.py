"""The MQTT 3.1.1 packets that a load generator needs."""

from collections.abc import Iterator

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
MOST_IDS = 65_535


def connect(client_id: str, *, clean: bool) -> bytes:
    """Build a CONNECT without keep-alive, so that a broker keeps a load generator that is frozen."""
    return _packet(0x10, _text("MQTT") + bytes([4, 2 if clean else 0, 0, 0]) + _text(client_id))


def disconnect() -> bytes:
    """Build a DISCONNECT."""
    return _packet(0xE0, b"")


def subscribe(topic_filters: list[str]) -> bytes:
    """Build a SUBSCRIBE at QoS 1."""
    return _packet(0x82, b"\0\1" + b"".join(_text(one) + b"\1" for one in topic_filters))


def publish(topic: str, payload: bytes, number: int) -> bytes:
    """Build a PUBLISH at QoS 1; the packet id follows from the number."""
    return _packet(0x32, _text(topic) + (number % MOST_IDS + 1).to_bytes(2, "big") + payload)


def puback(publication: bytes) -> bytes:
    """Build the PUBACK of a received PUBLISH, which is given without its first byte and its length."""
    id_at = 2 + int.from_bytes(publication[:2], "big")
    return b"\x40\2" + publication[id_at : id_at + 2]


class Reader:
    """A parser that cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the packets that are complete by now: kind, and the bytes behind the length."""
        data = self._rest + received
        start, end = 0, len(data)
        while start + 2 <= end:
            length, at, shift = 0, start + 1, 0
            while at < end and data[at] & 0x80:
                length |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
            if at == end or (stop := at + 1 + (length | data[at] << shift)) > end:
                break
            yield data[start] >> 4, data[at + 1 : stop]
            start = stop
        self._rest = data[start:]


def _packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = rest >> 7, rest & 0x7F
        length.append(digit | 0x80 if rest else digit)
        if not rest:
            return bytes([first]) + bytes(length) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded
