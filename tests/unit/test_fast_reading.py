"""The fast parser against the strict one, which accepts all that the fast one accepts, with equal values."""

import json
from datetime import timedelta

import pytest

from shared.wire import fast_reading as module
from shared.wire.fast_reading import parse_reading_fast, parse_readings_fast
from shared.wire.reading import MAX_READINGS, SIGNALS
from tests.both_ways import LATEST, TIME, VIN, WHEN, taken
from tests.columns import least_for_arrays  # noqa: F401 - applies to each test here
from tests.json_torture import ACCEPTED, REFUSED
from tests.readings import START, WORKED_EXAMPLE, payload, raw, row

FULL = {"vin": VIN, "ts": TIME, **dict.fromkeys(SIGNALS, 50.5)}


def with_value(name, literal):
    """Return a reading of all signals in which one field is written as `literal`."""
    return json.dumps({**FULL, name: "?"}).replace('"?"', literal).encode()


def with_extra(member):
    """Return a reading with one more member."""
    return json.dumps(FULL)[:-1].encode() + b", " + member + b"}"


@pytest.mark.parametrize("vin", [VIN, None])
def test_the_usual_message_is_taken(vin):
    """Each value in its place, whether the vehicle is named or not."""
    sent = {"soc": 1.5, "soh": None, "odo_km": 7, "ts": TIME, **({"vin": vin} if vin else {})}
    expected = row(second=300, soc=1.5, odo_km=7)
    assert parse_reading_fast(payload(sent), VIN, **WHEN) == expected
    both = payload(sent, {**sent, "ts": raw(second=301)["ts"]})
    assert parse_readings_fast(both, VIN, **WHEN) == [expected, row(second=301, soc=1.5, odo_km=7)]
    assert taken(payload(sent)) == (True, False, False)
    assert taken(both) == (False, True, vin is not None)


def test_readings_of_several_vehicles():
    """Over HTTP an array may hold them, in either case; a worker's message may not."""
    body = payload(raw("VIN-00002"), raw("vin-00003", 1), raw(second=2))
    assert parse_readings_fast(body, None, **WHEN) == [row("VIN-00002"), row("VIN-00003", 1), row(second=2)]
    assert parse_readings_fast(body, VIN, **WHEN) is None
    assert taken(json.dumps(WORKED_EXAMPLE).encode()) == (False, False, True)


def test_the_longest_array():
    """10,000 readings are accepted; one more is left to the strict parser."""
    body = b"[" + b",".join([payload(raw())] * MAX_READINGS) + b"]"
    assert taken(body) == (False, True, True)
    assert taken(body[:-1] + b"," + payload(raw()) + b"]") == (False, False, False)


# Each with whether it is a usual one.
NUMBERS = [
    *((literal, True) for literal in ("0", "-0", "-0.0", "0.0", "50", "1e1", "1E1", "0.1e1", "1E+1", "5e-0")),
    *(
        (literal, True)
        for literal in ("5e-324", "2e-324", "1e-999", "0e999", "99.99999999999999", "100", "1e2")
    ),
    ("2.2250738585072012e-308", True),
    ("0." + "3" * 1000, True),
    ("0." + "0" * 700 + "1e701", True),
    ("9007199254740993e-15", True),
    ("18446744073709551617e-19", True),
    ("100.00000000000000000000001", True),  # 100 in binary
    ("null", True),
    *((literal, False) for literal in ("1e400", "-1e400", "101", "-1", "100.00000000000001", "1e999")),
    *(
        (literal, False)
        for literal in ("NaN", "Infinity", "-Infinity", "nan", "inf", "+1", "01", "-01", "00")
    ),
    *(
        (literal, False)
        for literal in ("1.", ".5", "1e", "1e+", "1.e1", "0x1", "1_0", "1f", "- 1", "--1", "1,5")
    ),
    *(
        (literal, False)
        for literal in ("true", '"5"', '"NaN"', "[1]", "{}", '{"a": 1}', "[]", "", "1 2", "\u0661")
    ),
    ("9" * 5_000, False),
    ("0." + "3" * 5_000, False),
]


@pytest.mark.parametrize(("literal", "usual"), NUMBERS, ids=range(len(NUMBERS)))
def test_numbers(literal, usual):
    """A number becomes the nearest double; an invalid one is not accepted."""
    message = with_value("soc", literal)
    assert taken(message) == (usual, False, False)
    assert taken(b"[" + message + b"]") == (False, usual, usual)
    # An array with room for a number of 5,000 digits.
    others = b", ".join([with_value("soc", "1")] * 5)
    assert taken(b"[" + others + b"," + message + b"]")[1:] in {(usual, usual), (True, True)}


TIMES = [
    *((time, True) for time in (TIME, "2026-01-24T12:05:00.1Z", "2026-01-24T12:05:00.000001Z")),
    *((time, True) for time in ("2000-01-01T00:00:00Z", "2024-02-29T23:59:59.999999Z")),
    ("2026-01-24T12:05:00\\u005a", True),
    ("\\u0032026-01-24T12:05:00Z", True),
    *(
        (time, False)
        for time in ("2026-01-24T12:05:00", "2026-01-24", "2026-01-24T12:05Z", "20260124T120500Z")
    ),
    *((time, False) for time in ("2026-01-24T12:05:00+00:00", "2026-01-24T12:05:00-00:00", "")),
    *((time, False) for time in ("2026-01-24t12:05:00z", "2026-01-24T12:05:00z", "2026-01-24 12:05:00Z")),
    *((time, False) for time in ("2026-W04-6T12:05:00Z", "2026-W04T12:05:00Z", "2026-024T12:05:00Z")),
    *((time, False) for time in ("2026-01-24T24:00:00Z", "2026-01-24T12:60:00Z", "2026-01-24T23:59:60Z")),
    *((time, False) for time in ("2026-02-29T12:05:00Z", "2026-00-10T12:05:00Z", "2026-13-10T12:05:00Z")),
    *(
        (time, False)
        for time in ("2026-01-24T12:05:00.Z", "2026-01-24T12:05:00,5Z", "2026-01-24T12:05:00.1234567Z")
    ),
    *(
        (time, False)
        for time in ("1999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    ),
    *(
        (time, False)
        for time in (" " + TIME, TIME + " ", TIME + "\\n", TIME + "\\u0000", "\\ud800", TIME + '\\"')
    ),
    *(
        (time, False)
        for time in ("\uff12026-01-24T12:05:00Z", "2026-01-24T12:05:0\u0660Z", "2026\u201001-24T12:05:00Z")
    ),
    *((time, False) for time in ("+2026-01-24T12:05:00Z", "-2026-01-24T12:05:00Z", "12026-01-24T12:05:00Z")),
]


@pytest.mark.parametrize(("time", "usual"), TIMES, ids=range(len(TIMES)))
def test_times(time, usual):
    """A time in UTC with at most microseconds is usual; every other form is left to the strict parser."""
    message = with_value("ts", f'"{time}"')
    assert taken(message) == (usual, False, False)
    assert taken(b"[" + message + b"]") == (False, usual, usual)


def test_the_bounds_of_time():
    """The first moment and the last one are taken, a microsecond beyond either is not."""
    last = LATEST.isoformat().replace("+00:00", "Z")
    beyond = (LATEST + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    assert [taken(with_value("ts", f'"{time}"'))[0] for time in (last, beyond)] == [True, False]


VINS = [
    ('"VIN-00001"', True, True),
    ('"VIN-0000\\u0031"', True, True),
    ('"vin-00001"', False, True),
    ('"VIN-00002"', False, True),
    ('"' + "A" * 40 + '"', False, True),
    *(
        (vin, False, False)
        for vin in ('"VIN"', '"' + "A" * 41 + '"', '""', "null", "5", "[]", '"VIN-00001\\n"')
    ),
    *(
        (vin, False, False)
        for vin in ('"V\u0131N-00001"', '"VIN 00001"', '"VIN-00001\\u0000"', '"VIN-0000\\ud800"')
    ),
    *(
        (vin, False, False)
        for vin in ('"VIN-0000\uff11"', '"\u0412IN-00001"', '"VIN-00001\\""', '"VIN_00001"')
    ),
]


@pytest.mark.parametrize(("literal", "of_one", "of_any"), VINS, ids=range(len(VINS)))
def test_vins(literal, of_one, of_any):
    """For one vehicle, its VIN as in the topic; for any vehicle, every valid VIN."""
    message = with_value("vin", literal)
    assert taken(message) == (of_one, False, False)
    assert taken(b"[" + message + b"]") == (False, of_one, of_any)


USUAL = json.dumps(FULL).encode()
WHOLE = [
    *(
        (b" " + USUAL + b"\r\n\t", True),
        (USUAL.replace(b" ", b"\n"), True),
        (USUAL.replace(b"soc", rb"s\u006fc"), True),
    ),
    (json.dumps(FULL, separators=(",", ":")).encode(), True),
    (json.dumps(FULL, indent=4).encode(), True),
    # Keys named twice: which was meant?
    *(
        (with_extra(member), False)
        for member in (b'"soc": 1', b'"soc": 50.5', b'"ts": "2026-01-24T12:05:00Z"')
    ),
    *(
        (with_extra(member), False)
        for member in (b'"vin": "VIN-00001"', rb'"s\u006fc": 1', rb'"\u0074s": null')
    ),
    # Fields that are none of ours
    *(
        (with_extra(member), False)
        for member in (b'"x": 1', b'"x": "a", "x": "b"', b'"": 0', b'"SOC": 1', b'"soc ": 1')
    ),
    *(
        (with_extra(member), False)
        for member in (b'"x": {"soc": [1]}', b'"x": NaN', b'"x": "\xff"', b'"\xff": 1')
    ),
    *((with_extra(member), False) for member in (rb'"x": "\ud800"', b'"x": "\x01"', b'"x": ' + b"[" * 1_000)),
    # Encodings, and surrounding bytes
    *(
        (sign + USUAL, False)
        for sign in (b"\xef\xbb\xbf", b"\x00", b"\xff", b"\x0c", b"\xc2\xa0", b"{}", b",", b"x")
    ),
    *(
        (USUAL + sign, False)
        for sign in (b"\xef\xbb\xbf", b"\x00", b"\xff", b"\x0c", b"{}", USUAL, b",", b"}", b"x", b"1")
    ),
    *(
        (USUAL.decode().encode(encoding), False)
        for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-16-be")
    ),
    *(
        (text, False)
        for text in (b"", b"{}", b"[]", b"[[]]", b"null", b"5", b"{", b"[", b'"', b"[{}]", b"[null]")
    ),
    *((text, False) for text in (USUAL[:-1], USUAL[1:], USUAL[:-1] + b",}", USUAL.replace(b",", b",,", 1))),
    *(
        (USUAL.replace(*change), False)
        for change in ((b":", b"=", 1), (b":", b"::", 1), (b'"', b"'"), (b'"soc"', b"soc"))
    ),
    (payload({"vin": VIN, "soc": 1}), False),
    (payload({"vin": VIN, "ts": TIME}), False),
    (payload({"vin": VIN, "ts": TIME, **dict.fromkeys(SIGNALS)}), False),
    (USUAL + b" " * 2_000, False),
]


@pytest.mark.parametrize(("message", "usual"), WHOLE, ids=range(len(WHOLE)))
def test_whole_messages(message, usual):
    """Blanks and escapes are usual; doubt is not."""
    assert taken(message) == (usual, False, False)
    assert taken(b"[" + message + b"]")[1:] == (usual, usual)


def test_one_doubtful_element():
    """One such element leaves the whole array to the strict parser, at any index."""
    for place in range(3):
        elements = [USUAL] * 3
        elements[place] = with_extra(b'"soc": 1')
        assert taken(b"[" + b",".join(elements) + b"]") == (False, False, False)


@pytest.mark.parametrize("case", [*ACCEPTED, *REFUSED], ids=lambda case: case[0])
def test_the_torture_table(case):
    """As a message, as a signal, as a time and beside them: never an exception, never another value."""
    for around in (b"%s", b'{"ts": "2026-01-24T12:05:00Z", "soc": %s}', b'{"ts": %s, "soc": 5}', b"[%s]"):
        taken(around.replace(b"%s", case[1]))
        taken(b"[" + around.replace(b"%s", case[1]) + b"]")
    for sign in (b"%s", b'{"ts": "2026-01-24T12:05:00Z", "soc": 1, "x": %s}'):
        assert taken(sign.replace(b"%s", case[1])) == (False, False, False)


def test_a_vin_that_is_none_is_not_remembered():
    """Invalid VINs of any length must not fill the cache."""
    before = module._normal.cache_info().currsize
    for number in range(10):
        sent = json.dumps([raw(vin=f"{number} {'x' * 1_000}")]).encode()
        assert parse_readings_fast(sent, None, received_at=START, latest=LATEST) is None
    assert module._normal.cache_info().currsize == before
