"""A message decoded by the fast path and by the strict one."""

from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from shared.wire import decoder
from shared.wire.fast_reading import parse_arrays_fast, parse_reading_fast, parse_readings_fast
from shared.wire.reading import MAX_READINGS, Reading, Row
from shared.wire.strict_json import InvalidJsonError, parse_json
from tests.readings import START

VIN = "VIN-00001"
TIME = "2026-01-24T12:05:00Z"
LATEST = START + timedelta(days=300)
WHEN = {"received_at": START, "latest": LATEST}
READINGS = TypeAdapter(list[Reading])


def strictly(message):
    """Decode a message of this vehicle by the worker's strict path; returns its rows, or None."""
    asked = decoder._Message(b"topic", message, START, VIN)
    try:
        decoded = decoder._decode_strictly(asked, LATEST, None)
    except decoder._RefusedError:
        return None
    return decoded.rows if not decoded.rejections else None


def strictly_of_any(body):
    """Decode a body by the API's strict path; returns its rows, or None."""
    try:
        content = parse_json(body)
        if not isinstance(content, list) or not 0 < len(content) <= MAX_READINGS:
            return None
        return [Row.of(one, START) for one in READINGS.validate_python(content, context=LATEST)]
    except (InvalidJsonError, ValidationError):
        return None


def taken(message):
    """Return which of the three fast paths accept a message; asserts that each agrees with the strict one."""
    lone = parse_reading_fast(message, VIN, **WHEN)
    of_one, of_any = (parse_readings_fast(message, vin, **WHEN) for vin in (VIN, None))
    if lone is not None:
        assert not isinstance(parse_json(message), list)
        assert repr([lone]) == repr(strictly(message))
    if of_one is not None:
        assert isinstance(parse_json(message), list)
        assert repr([*of_one]) == repr(strictly(message))
    if of_any is not None:
        assert repr([*of_any]) == repr(strictly_of_any(message))
    twice = parse_arrays_fast([message] * 2, [VIN] * 2, [START] * 2, latest=LATEST, most=2 * MAX_READINGS)
    if twice is not None:
        assert [*twice.counts] == [len(of_one)] * 2
        assert repr([*twice.rows]) == repr(2 * strictly(message))
    return lone is not None, of_one is not None, of_any is not None
