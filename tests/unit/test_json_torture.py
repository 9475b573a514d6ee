"""The strict parser against the table of `tests/json_torture.py`."""

import pytest

from shared.wire.strict_json import InvalidJsonError, array_elements, parse_json
from tests.json_torture import ACCEPTED, REFUSED, comparable

ARRAYS = [case for case in ACCEPTED if isinstance(case[2], list)]


def test_the_table_is_as_large_as_it_says():
    """At least 150 different inputs, each under a name of its own."""
    names, payloads, _ = zip(*ACCEPTED, *REFUSED, strict=True)
    assert len(set(names)) == len(names)
    assert len(set(payloads)) == len(payloads) >= 150


def table(cases):
    return pytest.mark.parametrize("case", cases, ids=[case[0] for case in cases])


@table(ACCEPTED)
def test_accepted(case):
    """One JSON document in UTF-8 has its value and its type."""
    _, payload, value = case
    parsed = comparable(parse_json(payload))
    assert parsed == comparable(value)
    assert type(parsed) is type(comparable(value))


@table(REFUSED)
def test_refused(case):
    """Bytes that are not one JSON document in UTF-8 are refused, with the reason."""
    _, payload, reason = case
    with pytest.raises(InvalidJsonError) as refused:
        parse_json(payload)
    assert reason in str(refused.value)


@table(ARRAYS)
def test_the_elements_of_what_was_accepted(case):
    """The bytes of each element of an array hold the value that stands in its place."""
    _, payload, value = case
    assert comparable([parse_json(element) for element in array_elements(payload)]) == comparable(value)
