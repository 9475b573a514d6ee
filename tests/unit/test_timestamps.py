"""Times on the wire: RFC 3339 to the letter, UTC inside, a trailing Z out."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.timestamps import InvalidTimestampError, format_timestamp, parse_timestamp


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-24T12:05:00Z", utc(2026, 1, 24, 12, 5)),
        ("2026-01-24t12:05:00z", utc(2026, 1, 24, 12, 5)),
        ("2026-01-24T12:05:00+00:00", utc(2026, 1, 24, 12, 5)),
        ("2026-01-24T12:05:00-00:00", utc(2026, 1, 24, 12, 5)),
        ("2026-01-24T12:05:00+01:00", utc(2026, 1, 24, 11, 5)),
        ("2026-01-24T12:05:00-05:30", utc(2026, 1, 24, 17, 35)),
        ("2026-01-24T12:05:00+05:45", utc(2026, 1, 24, 6, 20)),
        ("2026-01-24T00:30:00+14:00", utc(2026, 1, 23, 10, 30)),
        ("2026-01-24T23:30:00-14:00", utc(2026, 1, 25, 13, 30)),
        ("2026-01-24T12:05:00+00:59", utc(2026, 1, 24, 11, 6)),
        ("2026-01-24T12:05:00.5Z", utc(2026, 1, 24, 12, 5, 0, 500_000)),
        ("2026-01-24T12:05:00.000001Z", utc(2026, 1, 24, 12, 5, 0, 1)),
        ("2026-01-24T12:05:00.1234567Z", utc(2026, 1, 24, 12, 5, 0, 123_456)),
        ("2026-01-24T12:05:00.999999999Z", utc(2026, 1, 24, 12, 5, 0, 999_999)),
        ("2026-01-24T12:05:59.9999999999999999999999Z", utc(2026, 1, 24, 12, 5, 59, 999_999)),
        ("2026-01-24T12:05:00.0000009Z", utc(2026, 1, 24, 12, 5)),
        ("2026-12-31T23:59:59Z", utc(2026, 12, 31, 23, 59, 59)),
        ("2024-02-29T00:00:00Z", utc(2024, 2, 29)),
        ("2000-02-29T00:00:00Z", utc(2000, 2, 29)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59.999999Z", utc(9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_accepted(text, moment):
    """Every form of RFC 3339 names the same moment in UTC; digits beyond microseconds are truncated."""
    parsed = parse_timestamp(text)
    assert parsed == moment
    assert parsed.utcoffset() == timedelta()
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "2026-01-24",
        "2026-01-24T12:05:00",
        "2026-01-24 12:05:00",
        "2026-01-24 12:05:00Z",
        "2026-01-24_12:05:00Z",
        "2026-01-24T12:05Z",
        "2026-01-24T12Z",
        "2026-01-24T12:05:00 Z",
        "2026-01-24T12:05:00 01:00",
        "2026-01-24T12:05:00+0100",
        "2026-01-24T12:05:00+01",
        "2026-01-24T12:05:00+1:00",
        "2026-01-24T12:05:00+01:00:00",
        "2026-01-24T12:05:00\N{MINUS SIGN}01:00",
        "2026-01-24T12:05:00UTC",
        "2026-01-24T12:05:00ZZ",
        "2026-01-24T12:05:00.Z",
        "2026-01-24T12:05:00,5Z",
        "2026-01-24T12:05:00.5.5Z",
        "2026-01-24T12:05:00Z\n",
        "\n2026-01-24T12:05:00Z",
        " 2026-01-24T12:05:00Z",
        "2026-01-24T12:05:00Z ",
        "2026-01-24T12:05:00Z\0",
        "\ufeff2026-01-24T12:05:00Z",
        "20260124T120500Z",
        "2026-024T12:05:00Z",
        "2026-W04-6T12:05:00Z",
        "26-01-24T12:05:00Z",
        "10000-01-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "2026-1-24T12:05:00Z",
        "2026-01-24T1:05:00Z",
        "\u0662\u0660\u0662\u0666-01-24T12:05:00Z",
        "2026-01-24T12:05:0\uff10Z",
        "2026-01-24T12:05:00.\u0665Z",
        "2026-01-24T12:05:00+0\u0661:00",
        "1769256300",
        "1769256300000",
        "now",
        "NaN",
        "2026-01-24T12:05:00\ud800",
    ],
)
def test_refused_as_no_rfc_3339(text):
    """A text that is not RFC 3339 with an offset is refused, however similar."""
    with pytest.raises(InvalidTimestampError, match="RFC 3339"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "2026-00-24T12:05:00Z",
        "2026-13-24T12:05:00Z",
        "2026-01-00T12:05:00Z",
        "2026-01-32T12:05:00Z",
        "2026-02-29T12:05:00Z",
        "2100-02-29T12:05:00Z",
        "2026-02-30T12:05:00Z",
        "2026-04-31T12:05:00Z",
        "2026-01-24T24:00:00Z",
        "2026-01-24T24:00:01Z",
        "2026-01-24T25:00:00Z",
        "2026-01-24T12:60:00Z",
        "2026-01-24T12:05:60Z",
        "2016-12-31T23:59:60Z",
        "2026-01-24T12:05:61Z",
        "2026-01-24T12:05:00+24:00",
        "2026-01-24T12:05:00-99:00",
        "2026-01-24T12:05:00+12:60",
        "2026-01-24T12:05:00-05:99",
        "2026-01-24T12:05:00+13:60",
        "2026-01-24T12:05:00+14:01",
        "2026-01-24T12:05:00-14:01",
        "2026-01-24T12:05:00+23:59",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_refused_as_no_time_that_exists(text):
    """A time of the right form that no calendar, clock or place on earth has is refused."""
    with pytest.raises(InvalidTimestampError):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "value", [None, 0, 1_769_256_300, 1_769_256_300.5, True, b"2026-01-24T12:05:00Z", [], {}]
)
def test_refused_as_no_string(value):
    """A number is not a time."""
    with pytest.raises(InvalidTimestampError, match="must be a string"):
        parse_timestamp(value)


@pytest.mark.parametrize("secret", ["hunter2", "2026-02-30T12:05:00Z", "2026-01-24T12:05:00+23:59"])
def test_the_reason_does_not_repeat_the_input(secret):
    """The message is fit for a response: no part of the input is repeated."""
    with pytest.raises(InvalidTimestampError) as refused:
        parse_timestamp(secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (utc(2026, 1, 24, 12, 5), "2026-01-24T12:05:00Z"),
        (utc(2026, 1, 24, 12, 5, 0, 1), "2026-01-24T12:05:00.000001Z"),
        (datetime(2026, 1, 24, 12, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-24T10:05:00Z"),
        (utc(1, 1, 1), "0001-01-01T00:00:00Z"),
    ],
)
def test_written(moment, text):
    """A moment is written in UTC with a trailing Z, wherever it came from."""
    assert format_timestamp(moment) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_round_trip(moment):
    """A formatted time is parsed as the same moment, to the microsecond."""
    assert parse_timestamp(format_timestamp(moment)) == moment


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001 - the offset is added
    st.integers(-14 * 60, 14 * 60),
)
def test_every_offset_names_the_same_moment(naive, minutes):
    """A moment written at any offset up to 14 hours is read as the moment it is."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_timestamp(moment.isoformat()) == moment


@given(
    st.text()
    | st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", fullmatch=True)
)
def test_nothing_else_is_raised(text):
    """Any text is a moment in UTC or an InvalidTimestampError."""
    with suppress(InvalidTimestampError):
        assert parse_timestamp(text).tzinfo is UTC
