"""The fast parser against the strict one on generated messages."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from shared.wire.fast_reading import parse_reading_fast, parse_readings_fast
from shared.wire.reading import SIGNALS
from tests.both_ways import LATEST, TIME, VIN, WHEN, taken
from tests.columns import least_for_arrays  # noqa: F401 - applies to each test here
from tests.examples import examples
from tests.readings import payload

MANY = examples(daily=50, nightly=600)

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
# Drawn as two numbers: st.datetimes draws seven, which took half of the time of these tests.
usual_times = st.builds(
    lambda second, microsecond: (
        (FIRST + timedelta(seconds=second, microseconds=microsecond)).replace(tzinfo=None).isoformat() + "Z"
    ),
    st.integers(0, int((LATEST - FIRST).total_seconds()) - 1),
    st.sampled_from([0, 0, 1, 1_000, 500_000, 999_999]) | st.integers(0, 999_999),
)
in_range = {name: st.none() | st.floats(signal.low, signal.high) for name, signal in SIGNALS.items()}
full = st.fixed_dictionaries({"ts": usual_times}, optional={"vin": st.just(VIN), **in_range}).filter(
    lambda sent: any(sent.get(name) is not None for name in SIGNALS)
)

numerals = st.from_regex(
    r"-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
) | st.from_regex(r"-?[0-9]{0,2}\.?[0-9]{0,20}[eE+.-]{0,2}[0-9]{0,2}", fullmatch=True)
scraps = st.sampled_from(
    [
        "null",
        "true",
        "{}",
        "[]",
        "[1]",
        '{"soc": 1}',
        "NaN",
        "-Infinity",
        '"5"',
        '"\\ud800"',
        "1e400",
        "-0",
        "-0.0",
    ]
)
times = st.from_regex(
    r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ]"
    r"[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,8})?([Zz]|\+00:00)?",
    fullmatch=True,
)
texts = (
    usual_times | times | st.sampled_from([TIME, VIN, "vin-00001", "VIN-00002"]) | st.text(max_size=8)
).map(lambda text: json.dumps(text, ensure_ascii=len(text) % 2 == 0))
names = st.sampled_from(
    [
        '"ts"',
        '"vin"',
        *(f'"{name}"' for name in SIGNALS),
        '"\\u0073oc"',
        '"\\u0074s"',
        '"SOC"',
        '"x"',
        '"soc\\u0000"',
    ]
)
members = st.tuples(names, numerals | scraps | texts)
blanks = st.sampled_from(["", "", "", " ", "\n\t", "\r", "\x0c", "\u00a0"])


@st.composite
def objects(draw):
    """Draw a usual object with odd members added, shuffled."""
    listed = [('"ts"', json.dumps(draw(usual_times))), ('"soc"', draw(st.floats(0, 100).map(repr)))]
    listed = draw(st.permutations(listed[: draw(st.integers(0, 2))] + draw(st.lists(members, max_size=4))))
    blank = draw(blanks)
    return "{" + ",".join(f"{blank}{name}:{blank}{value}" for name, value in listed) + "}"


messages = (
    objects()
    | st.lists(objects(), max_size=4).map(lambda found: "[" + ",".join(found) + "]")
    | full.map(json.dumps)
    | st.lists(full, max_size=4).map(json.dumps)
).map(str.encode)


@MANY
@given(messages)
def test_odd_objects(message):
    """The fast parser accepts an object only if the strict one does, with the same values."""
    taken(message)


@MANY
@given(st.lists(full, min_size=1, max_size=2), st.data())
def test_damaged_bytes(sent, data):
    """A usual message in which some bytes were replaced, left out or put in."""
    message = payload(*sent)
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(start + 3, len(message))))
    scrap = data.draw(
        st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b'\\"', b",", b"0", b"-", b"e", b"\xc3"])
    )
    taken(message[:start] + scrap + message[end:])


@MANY
@given(st.lists(full, min_size=1, max_size=3))
def test_every_usual_message_is_taken(sent):
    """Any finite values in their ranges, any time that is past, any choice of fields."""
    assert taken(payload(sent[0])) == (True, False, False)
    rows = parse_readings_fast(json.dumps(sent).encode(), VIN, **WHEN)
    assert [row.ts for row in rows] == [datetime.fromisoformat(one["ts"]) for one in sent]
    assert all(row.ts.tzinfo is UTC for row in rows)
    assert [list(map(repr, row[3:])) for row in rows] == [
        [repr(one.get(name)) for name in SIGNALS] for one in sent
    ]
    assert taken(json.dumps(sent).encode()) == (False, True, all("vin" in one for one in sent))


@MANY
@given(numerals)
@example("-0")
@example("-0.0")
@example("1E5")
@example("0.1e1")
@example("1e400")
def test_every_numeral(numeral):
    """A numeral is accepted if it is JSON and in range, and gives the nearest double."""
    message = b'{"ts": "2026-01-24T12:05:00Z", "pack_current": ' + numeral.encode() + b"}"
    try:
        number = json.loads(numeral)
    except ValueError:
        assert taken(message) == (False, False, False)
        return
    fits = -3000 <= number <= 3000
    assert taken(message) == (fits, False, False)
    if fits:
        found = parse_reading_fast(message, VIN, **WHEN).pack_current
        assert repr(found) == repr(float(number))


@MANY
@given(st.binary(max_size=60))
def test_any_bytes(message):
    """No bytes raise an exception."""
    taken(message)
    taken(b'{"ts": "2026-01-24T12:05:00Z", "soc": 1' + message)
    taken(b'[{"ts": "2026-01-24T12:05:00Z", "soc": 1}' + message)
