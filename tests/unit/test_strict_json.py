"""JSON as RFC 8259 has it, and the bytes of an array's elements. Case by case: `tests/json_torture.py`."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.strict_json import InvalidJsonError, array_elements, parse_json
from tests.json_torture import comparable, deepest_accepted, nested


def why(payload):
    with pytest.raises(InvalidJsonError) as refused:
        parse_json(payload)
    return str(refused.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("closed", [True, False])
def test_too_deep(opening, closing, closed):
    """A document nested more deeply than the interpreter's stack is refused, closed or not."""
    # More than any interpreter takes: Python 3.11 takes 990, 3.12 1,497, 3.13 9,998.
    payload = opening * 100_000 + "1" + closing * 100_000 * closed
    assert why(payload.encode()) == "is nested too deeply"


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
    """The message names the place, not the contents."""
    assert "hunter2" not in why(payload)


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
    """Blanks and commas between elements are dropped; their own bytes stay as they are."""
    assert list(array_elements(payload)) == elements


def test_the_values_of_json_and_of_python_agree():
    """JSON that Python writes is read back as the same value."""
    value = {"text": '\N{SNOWMAN}\0"\\', "list": [1, 2.5, None, True, {"x": []}]}
    assert parse_json(json.dumps(value).encode()) == value
