"""Payloads of Sparkplug B: fields by their numbers, and bytes that are none."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.sparkplug import (
    InvalidPayloadError,
    Metric,
    Payload,
    TooManyMetricsError,
    parse_payload,
    rebirth_request,
)
from shared.wire.sparkplug_birth import Birth, BirthMetric, read_birth
from tests.sparkplug import BIRTH, TEN, double_value, float_value, metric, payload, text, varint, whole

# timestamp 1772359205123, one metric of every field that is read, seq 7; made by hand.
KNOWN = bytes.fromhex(
    "08 83 82 dd c6 ca 33"
    "12 1b"
    "   0a 03 53 6f 43"  # name "SoC"
    "   10 07"  # alias 7
    "   18 80 da dc c6 ca 33"  # timestamp 1772359200000
    "   20 0a"  # datatype Double
    "   28 01"  # is_historical
    "   69 00 00 00 00 00 60 54 40"  # double_value 81.5
    "18 07"
)


def test_a_payload_by_hand():
    """Names, times and the value of a payload whose bytes were computed by hand."""
    assert parse_payload(KNOWN) == Payload(
        1772359205123, [Metric("SoC", 7, TEN, 10, "double_value", 81.5, is_historical=True)], 7
    )


@pytest.mark.parametrize(
    ("value", "field", "content"),
    [
        (b"\x50\x05", "int_value", 5),
        (b"\x50\xff\xff\xff\xff\x0f", "int_value", 2**32 - 1),
        (b"\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "long_value", 2**64 - 1),
        (b"\x65\x00\x00\xa3\x42", "float_value", 81.5),
        (b"\x69\x00\x00\x00\x00\x00\x60\x54\x40", "double_value", 81.5),
        (b"\x70\x01", "boolean_value", True),
        (b"\x7a\x02\x4f\x4b", "string_value", "OK"),
        (b"\x7a\x01\xff", "string_value", "\\xff"),
        (b"\x82\x01\x01\x00", "bytes_value", b"\x00"),
        (b"\x8a\x01\x02\x08\x01", "dataset_value", b"\x08\x01"),
        (b"\x92\x01\x00", "template_value", b""),
        (b"\x9a\x01\x00", "extension_value", b""),
        (b"", None, None),
        (b"\x38\x01", None, None),
        (b"\x38\x01\x50\x05", None, None),
        (b"\x38\x00\x50\x05", "int_value", 5),
        (b"\x50\x05\x58\x06", "long_value", 6),
    ],
)
def test_values(value, field, content):
    """Each field of a value; null wins over a value, and of two values the last."""
    (found,) = parse_payload(text(2, value)).metrics
    assert (found.field, found.value) == (field, content)
    assert found[:4] == (None, None, None, None)


def test_fields_that_are_not_read():
    """Metadata, properties, uuid, body and extensions are passed over."""
    other = text(8, whole(3, 5)) + text(9, text(1, "engUnit")) + whole(6, 1) + whole(40, 3)
    found = parse_payload(
        text(2, other + whole(10, 5)) + text(4, "u") + text(5, b"\x00") + text(99, "own") + whole(100, 1)
    )
    assert found == Payload(None, [Metric(None, None, None, None, "int_value", 5)], None)


def test_a_request_for_births():
    """The bytes of the command, computed by hand."""
    assert rebirth_request(1772359205123) == bytes.fromhex(
        "08 83 82 dd c6 ca 33 12 21 0a 14 4e6f646520436f6e74726f6c2f52656269727468"
        "18 83 82 dd c6 ca 33 20 0b 70 01"
    )


TRUNCATED = [KNOWN[:length] for length in range(1, len(KNOWN)) if length not in {7, 36}]
WRONG_TYPES = [
    b"\x0a\x01\x31",  # timestamp as a text
    b"\x09" + bytes(8),  # timestamp as 64 bits
    b"\x10\x01",  # metrics as a number
    b"\x15" + bytes(4),
    b"\x1a\x00",  # seq as a text
    b"\x20\x01",  # uuid as a number
    *(text(2, whole(field, 1)) for field in (1, 8, 9, 15, 16, 17, 18, 19)),
    *(text(2, text(field, "x")) for field in (2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14)),
    text(2, b"\x61" + bytes(8)),  # float_value as 64 bits
    text(2, b"\x6d" + bytes(4)),  # double_value as 32 bits
]
BROKEN = [
    b"{}",
    b'{"soc":81.5}',
    b"81.5",
    b"\x00",  # field 0
    b"\x07",  # wire type 7
    b"\x08",
    b"\x08" + b"\xff" * 10,  # a varint of over 64 bits
    b"\x0b",  # a group that never ends
    b"\x0c",  # an end without a beginning
    b"\x12\xff\xff\xff\xff\x07",  # two billion bytes follow, it says
    b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x12\x05\x0a\x64abc",  # a name that is longer than its metric
    b"\x12\x02\x0a\xff",
    bytes([0xFF]) * 64,
    text(2, text(1, "SoC") + b"\x69" + bytes(7)),
]


@pytest.mark.parametrize("content", [*TRUNCATED, *WRONG_TYPES, *BROKEN])
def test_bytes_that_are_no_payload(content):
    """Truncated ones, wrong wire types, other formats."""
    with pytest.raises(InvalidPayloadError, match="is no Sparkplug B payload: "):
        parse_payload(content)


def test_there_are_many_malformed_payloads():
    """Sixty at least, so that no list has become empty."""
    assert len({*TRUNCATED, *WRONG_TYPES, *BROKEN}) >= 60


def test_two_cuts_leave_whole_payloads():
    """Between two fields of the payload a cut can't be seen."""
    assert parse_payload(KNOWN[:7]) == Payload(1772359205123, [], None)
    assert parse_payload(KNOWN[:36]).seq is None


@given(st.binary(max_size=200))
def test_any_bytes(content):
    """A payload, or the one error."""
    with contextlib.suppress(InvalidPayloadError):
        parse_payload(content)


def test_too_many_metrics():
    """Two bytes make a metric: a message of 1 MiB would hold half a million."""
    assert len(parse_payload(b"\x12\x00" * 10_000).metrics) == 10_000
    with pytest.raises(TooManyMetricsError, match="10,001 metrics; 10,000 are the limit"):
        parse_payload(b"\x12\x00" * 10_001)


def test_a_birth():
    """Aliases with their names, and datatypes; a metric without a name is left out."""
    birth = read_birth(BIRTH)
    assert birth.aliases == {1: "Battery/SoC", 2: "Battery/Current", 3: "Charger/State"}
    assert birth.metrics[1] == BirthMetric("Battery/Current", 2, 2)
    odd = payload(
        metric(alias=9),
        metric(name=""),
        metric(name="a\0b", alias=2**64 - 1),
        metric(name="plain", datatype=10),
    )
    assert read_birth(odd) == Birth(
        [BirthMetric("a\ufffdb", 2**64 - 1, None), BirthMetric("plain", None, 10)]
    )


def test_the_helpers_write_what_the_text_says():
    """Numbers of several bytes, and both kinds of floats."""
    assert varint(300) == b"\xac\x02"
    assert float_value(1.5) == b"\x65" + struct.pack("<f", 1.5)
    assert double_value(1.5)[1:] == struct.pack("<d", 1.5)
