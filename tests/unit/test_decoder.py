"""Bytes in; readings, or rejections with their reason, out. Never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.decoder import MAX_PAYLOAD_BYTES, decode
from shared.wire.refusal import Reason
from shared.wire.strict_json import InvalidJsonError, parse_json
from tests.decoded import TOPIC, Place, lone, places, sort
from tests.json_torture import deepest_accepted
from tests.readings import LATEST, START, WORKED_EXAMPLE, payload, raw, row

READING = payload(raw())


def with_field(name, literal):
    """Return a reading in which one field is written as `literal`."""
    return json.dumps({**raw(), name: "?"}).replace('"?"', literal).encode()


def test_a_lone_reading():
    """One object is one reading, without an index."""
    assert sort(READING) == ([Place(None, row())], [])


def test_an_array():
    """Each element is a reading with its index."""
    readings, rejections = sort(payload(*(raw(second=second) for second in range(3))))
    assert readings == [Place(index, row(second=index)) for index in range(3)]
    assert rejections == []


def test_an_array_of_one():
    """The reading keeps its index: the vehicle sent an array."""
    assert sort(b"[" + READING + b"]")[0] == [Place(0, row())]


def test_the_worked_example():
    """The contract's own readings pass."""
    readings, rejections = sort(payload(*WORKED_EXAMPLE), b"vehicles/VIN-DEMO-001/telemetry")
    assert [place.row.pack_voltage for place in readings] == [310.1, 315.0]
    assert rejections == []


@pytest.mark.parametrize("topic", [TOPIC, b"vehicles/vin-00001/telemetry"])
@pytest.mark.parametrize("vin", ["VIN-00001", "vin-00001", None])
def test_topic_and_payload_agree(topic, vin):
    """The topic names the vehicle; a payload may repeat it, in upper or lower case, or leave it out."""
    sent = raw()
    del sent["vin"]
    if vin is not None:
        sent["vin"] = vin
    assert sort(payload(sent), topic)[0] == [Place(None, row())]


def test_topic_and_payload_disagree():
    """A vehicle can't speak for another one."""
    rejection = lone(payload(raw("VIN-00002")))
    assert rejection.reason is Reason.VIN_MISMATCH
    assert rejection.vin == "VIN-00001"


def test_a_null_vin_is_a_wrong_one():
    """The vin may be left out, but null is a value, and no VIN."""
    rejection = lone(payload({**raw(), "vin": None}))
    assert rejection.reason is Reason.BAD_READING
    assert rejection.detail.startswith("vin: ")


def test_an_empty_payload():
    """An empty payload clears a retained message: neither a reading nor a rejection."""
    assert sort(b"") == ([], [])


BAD = [
    (b"null", Reason.BAD_READING),
    (b'"x"', Reason.BAD_READING),
    (b"5", Reason.BAD_READING),
    (b"true", Reason.BAD_READING),
    (b"{}", Reason.BAD_READING),
    (b"[]", Reason.EMPTY_ARRAY),
    (b" [ ] ", Reason.EMPTY_ARRAY),
    (b" ", Reason.BAD_JSON),
    (b"\0", Reason.BAD_JSON),
    (b"hello", Reason.BAD_JSON),
    (READING[:-1], Reason.BAD_JSON),
    (READING + b"x", Reason.BAD_JSON),
    (READING + READING, Reason.BAD_JSON),
    (b"\xef\xbb\xbf" + READING, Reason.BAD_JSON),
    (READING.decode().encode("utf-16"), Reason.BAD_JSON),
    (READING.decode().encode("utf-16-le"), Reason.BAD_JSON),
    (b'{"vin": "\xff"}', Reason.BAD_JSON),
    (b"\x1f\x8b\x08\x00", Reason.BAD_JSON),
    (b"[" * 100_000 + b"]" * 100_000, Reason.BAD_JSON),
    (b"[" * 200_000, Reason.BAD_JSON),
    (with_field("soc", "NaN"), Reason.BAD_JSON),
    (with_field("soc", "Infinity"), Reason.BAD_JSON),
    (with_field("soc", "-Infinity"), Reason.BAD_JSON),
    (with_field("other", "NaN"), Reason.BAD_JSON),
    (with_field("soc", "1" * 5_000), Reason.BAD_JSON),
    (with_field("soc", "1" * 4_000), Reason.BAD_READING),
    (with_field("soc", "1e999"), Reason.BAD_READING),
    (with_field("soc", "1" + "0" * 30), Reason.BAD_READING),
    (with_field("soc", '"NaN"'), Reason.BAD_READING),
    (with_field("soc", '"12.5"'), Reason.BAD_READING),
    (with_field("soc", "true"), Reason.BAD_READING),
    (with_field("soc", "[1]"), Reason.BAD_READING),
    (with_field("soc", '{"a": 1, "a": 2}'), Reason.BAD_READING),
    (with_field("soc", "100.00000000000001"), Reason.BAD_READING),
    (with_field("soc", "-5e-324"), Reason.BAD_READING),
    (with_field("soc", "null"), Reason.BAD_READING),
    (with_field("pack_current", "5553.5"), Reason.BAD_READING),
    (with_field("vin", '""'), Reason.BAD_READING),
    (with_field("vin", '"VIN-00001\\n"'), Reason.BAD_READING),
    (with_field("vin", '"VIN-00001\\u0000"'), Reason.BAD_READING),
    (with_field("vin", '"VIN-0000\\ud800"'), Reason.BAD_READING),
    (with_field("vin", '"\\u0412IN-00001"'), Reason.BAD_READING),
    (with_field("vin", "12345"), Reason.BAD_READING),
    (with_field("vin", '"VIN-00009"'), Reason.VIN_MISMATCH),
    (with_field("ts", '"2026-01-24"'), Reason.BAD_READING),
    (with_field("ts", '"2026-01-24T12:00:00"'), Reason.BAD_READING),
    (with_field("ts", '"2026-01-24T24:00:00Z"'), Reason.BAD_READING),
    (with_field("ts", '"2026-01-24T12:00:60Z"'), Reason.BAD_READING),
    (with_field("ts", '"2026-02-30T12:00:00Z"'), Reason.BAD_READING),
    (with_field("ts", '"0000-01-01T00:00:00Z"'), Reason.BAD_READING),
    (with_field("ts", '"1999-12-31T23:59:59Z"'), Reason.BAD_READING),
    (with_field("ts", '"9999-12-31T23:59:59Z"'), Reason.BAD_READING),
    (with_field("ts", '"10000-01-01T00:00:00Z"'), Reason.BAD_READING),
    (with_field("ts", '"2026-01-24T12:00:00+15:00"'), Reason.BAD_READING),
    (with_field("ts", '"2026-01-24T12:00:00+12:60"'), Reason.BAD_READING),
    (with_field("ts", "1769256300"), Reason.BAD_READING),
    (with_field("ts", "1769256300000"), Reason.BAD_READING),
    (with_field("ts", "null"), Reason.BAD_READING),
    (with_field("ts", '"\\ud800"'), Reason.BAD_READING),
    (READING[:-1] + b', "soc": 1}', Reason.BAD_READING),
    (READING[:-1] + b', "speed": 1, "speed": 2}', Reason.BAD_READING),
    (b" " * MAX_PAYLOAD_BYTES + b"1", Reason.TOO_LARGE),
    (b"\xff" * (MAX_PAYLOAD_BYTES + 1), Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("message", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_message_is_one_rejection(message, reason):
    """The rejection keeps the message as received, without an index, with vehicle, topic, time and reason."""
    rejection = lone(message)
    assert rejection.reason is reason
    assert rejection.payload == message
    assert rejection.topic == TOPIC
    assert rejection.vin == "VIN-00001"
    assert rejection.received_at == START
    assert rejection.index is None
    assert rejection.detail
    assert "\n" not in rejection.detail
    rejection.detail.encode()


@pytest.mark.parametrize(("message", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_element_leaves_the_others(message, reason):
    """In an array, an invalid reading is rejected with its own bytes; the other readings are stored."""
    if reason not in {Reason.BAD_READING, Reason.VIN_MISMATCH}:
        message, reason = b"[]", Reason.BAD_READING
    readings, rejections = sort(b"[" + READING + b" ,\n" + message + b"," + payload(raw(second=1)) + b"]")
    assert readings == [Place(0, row()), Place(2, row(second=1))]
    assert [(r.index, r.reason, r.payload) for r in rejections] == [(1, reason, message)]


@pytest.mark.parametrize(
    "topic",
    [
        b"",
        b"vehicles",
        b"vehicles//telemetry",
        b"vehicles/VIN/telemetry",
        b"vehicles/VIN-00001",
        b"vehicles/VIN-00001/telemetry/deep/er",
        b"vehicles/VIN 00001/telemetry",
        b"vehicles/VIN-00001\n/telemetry",
        b"vehicles/VIN-00001\0/telemetry",
        b"vehicles/VIN-0000\xff/telemetry",
        b"\xff",
        "vehicles/v\u0131n-00001/telemetry".encode(),
        "vehicles/VIN-00001/telemetry".encode("utf-16"),
    ],
)
@pytest.mark.parametrize("message", [READING, b"broken", b" " * (MAX_PAYLOAD_BYTES + 1)], ids=range(3))
def test_a_bad_topic(topic, message):
    """The topic names no vehicle: each message is one rejection, of no vehicle, with its raw topic."""
    rejection = lone(message, topic)
    assert rejection.reason is Reason.BAD_TOPIC
    assert (rejection.vin, rejection.topic, rejection.payload) == ("", topic, message)


def test_the_largest_payload():
    """1 MiB is accepted, one byte more is not."""
    assert sort(READING.ljust(MAX_PAYLOAD_BYTES))[0] == [Place(None, row())]
    assert lone(READING.ljust(MAX_PAYLOAD_BYTES + 1)).reason is Reason.TOO_LARGE


@pytest.fixture(scope="module")
def ten_thousand():
    return (
        b"[" + b",".join(b'{"ts":"2026-01-24T12:00:%02dZ","soc":1}' % (n % 60) for n in range(10_000)) + b"]"
    )


def test_the_longest_array(ten_thousand):
    """10,000 readings are accepted, one more makes the message a rejection."""
    readings, rejections = sort(ten_thousand)
    assert [place.index for place in readings] == list(range(10_000))
    assert rejections == []
    assert lone(ten_thousand[:-1] + b",{}]").reason is Reason.TOO_MANY


def test_every_depth_is_decoded_or_rejected():
    """At no depth of nesting does array_elements fail where parse_json succeeded."""
    limit = deepest_accepted()
    for depth in range(limit - 150, limit + 50):
        for message in (
            b"[" * depth + b"]" * depth,
            b"[" + b'{"a":' * depth + b"1" + b"}" * depth + b"]",
            READING[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}",
        ):
            readings, rejections = sort(message)
            assert len(readings) + len(rejections) == 1


fields = st.sampled_from(["vin", "ts", "soc", "soh", "pack_voltage", "odo_km", "other"])
scraps = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["VIN-00001", "2026-01-24T12:00:00Z", 50.0])
)
objects = st.dictionaries(fields, scraps) | st.dictionaries(fields, scraps).map(lambda odd: {**raw(), **odd})
things = objects | st.just(raw()) | st.recursive(scraps, st.lists, max_leaves=5)


@given(st.binary(), st.binary())
def test_any_bytes_on_any_topic(topic, message):
    """No bytes raise an exception, and a message that is not empty has exactly one outcome."""
    readings, rejections = sort(message, topic)
    assert len(readings) + len(rejections) == bool(message)


@given(st.binary(min_size=1))
def test_any_bytes_of_a_vehicle(message):
    """The same on a vehicle's topic; a payload that no JSON parser accepts is rejected as a whole."""
    readings, rejections = sort(message)
    try:
        content = parse_json(message)
    except InvalidJsonError:
        assert [(r.reason, r.payload) for r in rejections] == [(Reason.BAD_JSON, message)]
        assert readings == []
    else:
        expected = (len(content) or 1) if isinstance(content, list) else 1
        assert len(readings) + len(rejections) == expected


@given(st.lists(things, min_size=1, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_every_element_ends_once(elements, indent, ascii_only):
    """Each element is a reading or a rejection, under its own index, and a rejection holds its own bytes."""
    parts = [json.dumps(element, indent=indent, ensure_ascii=ascii_only) for element in elements]
    message = ("[ " + " ,\n".join(parts) + "]").encode(errors="replace")
    readings, rejections = sort(message)
    if rejections and rejections[0].index is None:
        assert rejections[0].reason is Reason.BAD_JSON  # NaN, or a lone surrogate
        assert len(rejections) + len(readings) == 1
        return
    assert sorted([p.index for p in readings] + [r.index for r in rejections]) == list(range(len(elements)))
    assert [r.index for r in rejections] == sorted(r.index for r in rejections)
    for rejection in rejections:
        assert rejection.payload == parts[rejection.index].encode(errors="replace")
    for place in readings:
        assert place.row.vin == "VIN-00001"


@pytest.mark.parametrize("message", [READING, b"", b"nonsense", b"[]", payload(raw(soc=101))])
def test_an_answer_is_wanted(message):
    """A message on the confirm topic has a topic for its receipt, with any contents."""
    answered, plain = (
        decode(topic, message, received_at=START, latest=LATEST)
        for topic in (b"vehicles/vin-00001/telemetry/confirm", b"vehicles/vin-00001/telemetry")
    )
    assert answered.receipts == "vehicles/vin-00001/receipts"
    assert plain.receipts is None
    assert places(answered) == places(plain)
    assert [why.reason for why in answered.rejections] == [why.reason for why in plain.rejections]
