"""Payloads of Sparkplug B, written byte by byte, and a decoder without a database."""

import struct

from shared.sources.sparkplug_decoder import SparkplugDecoder
from tests.mapped import LATEST, mapping, moment

TEN = 1772359200000  # 2026-03-01T10:00:00Z in ms
SOURCE = """
[[source]]
dialect = "sparkplug"
prefix = "spBv1.0/plant"
vehicles = { pack7 = "XX1SPARK00000001", pack8 = "XX1SPARK00000002" }
"""


def varint(number):
    """Encode a whole number, 7 bits a byte."""
    found = b""
    while number >= 0x80:
        found += bytes([number % 0x80 + 0x80])
        number //= 0x80
    return found + bytes([number])


def whole(field, number):
    return varint(8 * field) + varint(number)


def text(field, content):
    content = content if isinstance(content, bytes) else content.encode()
    return varint(8 * field + 2) + varint(len(content)) + content


def float_value(number):
    return b"\x65" + struct.pack("<f", number)


def double_value(number):
    return b"\x69" + struct.pack("<d", number)


def metric(value=b"", *, name=None, alias=None, ts=TEN, datatype=None, extra=b""):
    """Return one metric as a field of a payload; `value` is a field already."""
    found = b"" if name is None else text(1, name)
    found += b"" if alias is None else whole(2, alias)
    found += b"" if ts is None else whole(3, ts)
    found += b"" if datatype is None else whole(4, datatype)
    return text(2, found + extra + value)


def payload(*metrics, ts=TEN, seq=1):
    """Return a payload of metrics."""
    return (b"" if ts is None else whole(1, ts)) + b"".join(metrics) + whole(3, seq)


BIRTH = payload(
    metric(float_value(63.0), name="Battery/SoC", alias=1, datatype=9),
    metric(whole(7, 1), name="Battery/Current", alias=2, datatype=2),
    metric(text(15, "idle"), name="Charger/State", alias=3, datatype=12),
)
"""A birth with soc 63, no current, and a metric that is no signal."""


class Node:
    """A decoder with births that are stored in a dictionary, and a clock that is set by hand."""

    def __init__(self, text_=SOURCE):
        self.sources = mapping(text_)
        self.stored = {}
        self.loads = []
        self.now = 1000.0
        self.decoder = SparkplugDecoder(self._load, self._nodes, lambda: self.now)

    def _load(self, node):
        self.loads.append(node)
        return self.stored.get(node)

    def _nodes(self, edge):
        return [node for node in self.stored if node.startswith(f"{edge}/")]

    def receive(self, topic, content, clock="10:00:01"):
        """Decode one message of the group `plant`, and store its birth."""
        name = f"spBv1.0/plant/{topic}".encode()
        match = self.sources.match(name)
        assert match is not None, topic
        found = self.decoder.decode(match, name, content, received_at=moment(clock), latest=LATEST)
        if found.birth is not None:
            self.stored[found.birth.node] = found.birth.birth
        return found

    def data(self, *metrics, device="pack7", **options):
        return self.receive(f"DDATA/edge1/{device}", payload(*metrics, **options))


def lone(found):
    """Return the only rejection as (reason, detail)."""
    (rejection,) = found.rejections
    return rejection.reason.value, rejection.detail
