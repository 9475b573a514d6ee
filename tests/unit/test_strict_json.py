"""JSON as RFC 8259 has it, and the bytes of each element of an array."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.strict_json import AmbiguousObject, InvalidJsonError, array_elements, parse_json


def comparable(value):
    """The same value, such that two ambiguous objects in the same place are equal."""
    if isinstance(value, AmbiguousObject):
        return AmbiguousObject
    if isinstance(value, dict):
        return {key: comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    return repr(value) if isinstance(value, float) else value


def why(payload):
    with pytest.raises(InvalidJsonError) as refused:
        parse_json(payload)
    return str(refused.value)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"null", None),
        (b"true", True),
        (b" \t\r\n5 \t\r\n", 5),
        (b"-0", 0),
        (b"12.5", 12.5),
        (b"1e2", 100.0),
        (b'"x"', "x"),
        (b"[]", []),
        (b"{}", {}),
        (b'{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ('"\N{SNOWMAN}\N{GRINNING FACE}"'.encode(), "\N{SNOWMAN}\N{GRINNING FACE}"),
        (rb'"\u2603\n\"\\\/"', '\N{SNOWMAN}\n"\\/'),
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\ud800"', "\ud800"),
        (rb'"\u0000"', "\0"),
        (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
    ],
)
def test_accepted(payload, value):
    """One JSON document in UTF-8 is the value that it says."""
    parsed = parse_json(payload)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_number_is_the_nearest_double():
    """No digit of a number is lost."""
    assert parse_json(b"[310.1, 0.30000000000000004, 5e-324]") == [310.1, 0.1 + 0.2, 5e-324]
    assert parse_json(b"1e999") == math.inf  # refused one step later: no signal may be infinite


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "Expecting value"),
        (b" ", "Expecting value"),
        (b"\0", "Expecting value"),
        (b"nul", "Expecting value"),
        (b"True", "Expecting value"),
        (b"x", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"[", "Expecting value"),
        (b"[1", "delimiter"),
        (b'{"a"', "delimiter"),
        (b'{"a": 1', "delimiter"),
        (b'"a', "Unterminated string"),
        (b'["\\u12"]', "escape"),
        (b'["\\x"]', "escape"),
        (b'["\n"]', "control character"),
        (b'["\0"]', "control character"),
        (b"[1,]", ""),
        (b"[,1]", "Expecting value"),
        (b'{"a": 1,}', ""),
        (b"{a: 1}", "Expecting property name"),
        (b"{'a': 1}", "Expecting property name"),
        (b"{1: 1}", "Expecting property name"),
        (b"[01]", "delimiter"),
        (b"[+1]", "Expecting value"),
        (b"[.5]", "Expecting value"),
        (b"[1.]", "delimiter"),
        (b"[0x10]", "delimiter"),
        (b"[1_000]", "delimiter"),
        (b"[1] // note", "Extra data"),
        (b"[1] [2]", "Extra data"),
        (b"{}{}", "Extra data"),
        (b"5 x", "Extra data"),
        (b"[1]\0", "Extra data"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b"-Infinity", "-Infinity is not a JSON number"),
        (b"\xef\xbb\xbf[]", ""),
        ("[]".encode("utf-16"), "not UTF-8 (byte 0)"),
        ("[]".encode("utf-16-le"), "Expecting value"),
        ("[]".encode("utf-32"), "not UTF-8 (byte 0)"),
        (b'["\xff"]', "not UTF-8 (byte 2)"),
        (b'["\xc3"]', "not UTF-8 (byte 2)"),
        (b'["\xc0\xaf"]', "not UTF-8 (byte 2)"),
        (b'["\xed\xa0\x80"]', "not UTF-8 (byte 2)"),
        (b'["\xf4\x90\x80\x80"]', "not UTF-8 (byte 2)"),
        ("[\N{NO-BREAK SPACE}1]".encode(), "Expecting value"),
        (b"[\x0c1]", "Expecting value"),
    ],
)
def test_refused(payload, reason):
    """What is not one JSON document in UTF-8 is refused, with the reason."""
    assert reason in why(payload)


@pytest.mark.parametrize("sign", ["", "-"])
def test_too_many_digits(sign):
    """An integer of 5,000 digits is refused: turning it into a number would take quadratic time."""
    assert why(f"[{sign}{'9' * 5_000}]".encode()) == "holds a number with too many digits"


@pytest.mark.parametrize("depth", [1_500, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("closed", [True, False])
def test_too_deep(depth, opening, closing, closed):
    """A document nested too deeply is refused; it does not bring the process down."""
    payload = opening * depth + "1" + closing * depth * closed
    assert why(payload.encode()) == "is nested too deeply"


def nested(depth):
    return b"[" * depth + b"1" + b"]" * depth


def deepest_accepted():
    """The greatest depth that parse_json takes, called from here."""
    low, high = 1, 100_000
    while low < high:
        middle = (low + high + 1) // 2
        try:
            parse_json(nested(middle))
            low = middle
        except InvalidJsonError:
            high = middle - 1
    return low


@pytest.mark.parametrize("frames", [0, 5, 20, 60])
def test_what_is_accepted_can_be_walked_from_a_deeper_call(frames):
    """An array that was accepted once can be split into its elements later, from further down the stack."""
    payload = nested(deepest_accepted())

    def further_down(left):
        return further_down(left - 1) if left else len(list(array_elements(payload)))

    assert further_down(frames) == 1


@pytest.mark.parametrize(
    "payload", [b'{"hunter2": hunter2}', b'["hunter2', b'"hunter2\xff"', b"[hunter2]", b'{"a":1} hunter2']
)
def test_the_reason_does_not_repeat_the_input(payload):
    """It says where, not what."""
    assert "hunter2" not in why(payload)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'{"a": 1, "a": 1}', AmbiguousObject),
        (b'{"a": 1, "\\u0061": 2}', AmbiguousObject),
        (b'[{"a": 1}, {"a": 1, "a": 2}]', [{"a": 1}, AmbiguousObject]),
        (b'{"x": {"a": 1, "b": 2, "a": 3}}', {"x": AmbiguousObject}),
    ],
)
def test_a_key_named_twice(payload, value):
    """Only the object that names a key twice is ambiguous; what surrounds it is not."""
    assert comparable(parse_json(payload)) == value


@given(st.binary())
def test_only_invalid_json_is_raised_for_any_bytes(payload):
    """Any bytes are a value, or an InvalidJsonError."""
    with suppress(InvalidJsonError):
        parse_json(payload)


@given(st.text(alphabet='[]{}",:\\u0159eE+-.truefalsn \n\ud7ff\0'))
def test_only_invalid_json_is_raised_for_what_looks_like_json(text):
    """Text made of JSON's own signs is a value, or an InvalidJsonError."""
    with suppress(InvalidJsonError):
        parse_json(text.encode())


blank = st.text(alphabet=" \t\r\n", max_size=3)
escaped = st.sampled_from([r"\"", r"\\", r"\/", r"\n", r"\u005d", r"\u002c", r"\ud83d\ude00", r"\ud800"])
plain = st.sampled_from(["]", "[", ",", "{", "}", ":", " ", "a", "\N{SNOWMAN}", "\N{GRINNING FACE}", "\x7f"])
strings = st.lists(escaped | plain, max_size=8).map(lambda parts: '"' + "".join(parts) + '"')
numbers = st.sampled_from(["0", "-0", "12", "-1.5", "1e5", "1E-5", "0.30000000000000004", "1e999", "9" * 50])
scalars = strings | numbers | st.sampled_from(["null", "true", "false"])


@st.composite
def listed(draw, elements, opening, closing):
    """Elements between brackets, with any blanks around each."""
    padded = [draw(blank) + element + draw(blank) for element in draw(st.lists(elements, max_size=5))]
    return opening + (",".join(padded) or draw(blank)) + closing


def containers(children):
    members = st.builds("{}{}:{}{}".format, strings, blank, blank, children)
    return listed(children, "[", "]") | listed(members, "{", "}")


values = st.recursive(scalars, containers, max_leaves=15)
arrays = st.builds("{}{}{}".format, blank, listed(values, "[", "]"), blank).map(str.encode)


@given(arrays)
def test_the_elements_are_the_array(payload):
    """Each element's bytes hold the value in its place, and are the bytes that were sent."""
    elements = list(array_elements(payload))
    assert comparable([parse_json(element) for element in elements]) == comparable(parse_json(payload))
    position = 0
    for element in elements:
        position = payload.index(element, position) + len(element)
        assert element == element.strip()


@pytest.mark.parametrize(
    ("payload", "elements"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b"[1]", [b"1"]),
        (b"\n[ 1 ,\t2\r\n]\n", [b"1", b"2"]),
        (b'["a,]", "[", [1, [2]], {"k": ["]"]}]', [b'"a,]"', b'"["', b"[1, [2]]", b'{"k": ["]"]}']),
        (rb'["\"],[", "\\"]', [rb'"\"],["', rb'"\\"']),
        ('["\N{SNOWMAN}",1]'.encode(), ['"\N{SNOWMAN}"'.encode(), b"1"]),
        (b'[{"a":1, "a":2},{}]', [b'{"a":1, "a":2}', b"{}"]),
        (b"[1.50, 1e2, -0]", [b"1.50", b"1e2", b"-0"]),
    ],
)
def test_elements_as_they_were_sent(payload, elements):
    """Blanks and commas between elements go; everything within them stays, byte by byte."""
    assert list(array_elements(payload)) == elements


def test_the_values_of_json_and_of_python_agree():
    """What Python writes is read as what it was."""
    value = {"text": '\N{SNOWMAN}\0"\\', "list": [1, 2.5, None, True, {"x": []}]}
    assert parse_json(json.dumps(value).encode()) == value
