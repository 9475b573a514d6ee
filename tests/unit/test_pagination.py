"""Page tokens: each holds its query, and any other text is refused."""

import base64
import json
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.http.pagination import DEFAULT_LIMIT, MAX_LIMIT, Limit, _checksum, make_token, resume
from api.http.problems import ProblemError
from api.routers.vehicles import HistoryQuery, VehiclesQuery

TS = datetime(2026, 1, 24, 12, 5, 0, 1, tzinfo=UTC)
ALPHABET = string.ascii_letters + string.digits + "-_=+/. %\0\N{SNOWMAN}"


def fleet(**parameters):
    everything = dict.fromkeys(("vin_prefix", "soc_below", "seen_since", "connectivity"))
    return VehiclesQuery(**everything | parameters)


def history(**parameters):
    return HistoryQuery(**{"vin": "VIN-00001", "from_ts": None, "to_ts": None, "order": None, **parameters})


def seal(content):
    """Make a token of any content with the right checksum."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return base64.urlsafe_b64encode(_checksum(content) + content).rstrip(b"=").decode()


def refused(token, parameters):
    """Resume with a bad token; returns the sentence of the 400."""
    with pytest.raises(ProblemError) as problem:
        resume(token, parameters)
    assert problem.value.status == 400
    assert problem.value.detail.startswith("next: ")
    return problem.value.detail


FULL_FLEET = fleet(vin_prefix="VIN-", soc_below=20.1, seen_since=TS)
FULL_HISTORY = history(from_ts=TS, to_ts=TS + timedelta(days=1), order="desc")


@pytest.mark.parametrize(
    ("query", "after"),
    [(fleet(), "VIN-00001"), (FULL_FLEET, "VIN-00009"), (history(), TS), (FULL_HISTORY, TS)],
)
def test_round_trip(query, after):
    """The token alone repeats the query, for the items behind the last key."""
    token = make_token(query, after)
    bare = fleet() if isinstance(query, VehiclesQuery) else history()
    assert resume(token, bare) == query.model_copy(update={"after": after})
    assert resume(token, query).after == after
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


@given(st.datetimes(timezones=st.just(UTC)), st.floats(allow_nan=False, allow_infinity=False))
def test_keys_come_back_exactly(moment, soc):
    """No microsecond and no digit is lost: a page neither repeats a row nor skips one."""
    assert resume(make_token(history(), moment), history()).after == moment
    assert resume(make_token(fleet(soc_below=soc), "A"), fleet()).soc_below == soc


def test_without_a_token():
    """The query of the first page is that of the parameters."""
    assert resume(None, FULL_FLEET) is FULL_FLEET


@pytest.mark.parametrize(("query", "after"), [(FULL_FLEET, "VIN-00001"), (history(), TS)])
def test_every_changed_character_is_noticed(query, after):
    """A token with any one character replaced by any other is refused."""
    token = make_token(query, after)
    for position, true in enumerate(token):
        for other in ALPHABET:
            if other != true:
                assert "not a token" in refused(token[:position] + other + token[position + 1 :], query)


def test_every_cut_and_addition_is_noticed():
    """A token that lost or gained characters is refused."""
    token = make_token(fleet(), "VIN-00001")
    for length in range(len(token)):
        refused(token[:length], fleet())
        refused(token[:length] + token[length + 1 :], fleet())
    for extra in ("=", "==", "===", "A", "AAAA", "\n", " ", "-", "\0"):
        refused(token + extra, fleet())
        refused(extra + token, fleet())


@given(st.text() | st.text(alphabet=ALPHABET))
def test_no_text_is_a_token(text):
    """Any text as a token is refused with a 400, never with another exception."""
    refused(text, fleet())


@given(st.binary())
def test_no_bytes_with_a_checksum_are_a_token(content):
    """The checksum is no secret, so the content of a token is validated too."""
    refused(seal(content), fleet())


def test_another_lists_token():
    """The token of one list is refused by another one."""
    refused(make_token(fleet(), "VIN-00001"), history())
    refused(make_token(history(), TS), fleet())


@pytest.mark.parametrize(
    ("made", "parameters"),
    [
        (fleet(), fleet(vin_prefix="VIN-")),
        (fleet(), fleet(soc_below=20.0)),
        (fleet(), fleet(soc_below=0.0)),
        (fleet(), fleet(seen_since=TS)),
        (fleet(vin_prefix="VIN-"), fleet(vin_prefix="VIN")),
        (fleet(soc_below=20.0), fleet(soc_below=20.1)),
        (fleet(seen_since=TS), fleet(seen_since=TS + timedelta(microseconds=1))),
    ],
)
def test_contradicting_fleet_parameters(made, parameters):
    """A parameter that contradicts the token is refused."""
    assert "another query" in refused(make_token(made, "VIN-00001"), parameters)


@pytest.mark.parametrize(
    ("made", "parameters"),
    [
        (history(), history(vin="VIN-00002")),
        (history(), history(from_ts=TS)),
        (history(), history(to_ts=TS)),
        (history(), history(order="desc")),
        (history(order="desc"), history(order="asc")),
        (history(from_ts=TS), history(from_ts=TS - timedelta(seconds=1))),
    ],
)
def test_contradicting_history_parameters(made, parameters):
    """Contradicting parameters of a history are refused; its vehicle is part of the query."""
    assert "another query" in refused(make_token(made, TS), parameters)


@pytest.mark.parametrize(
    ("made", "parameters"),
    [
        (history(order="asc"), history(order="asc")),
        (history(order="desc"), history(order="desc")),
        (history(from_ts=TS), history(from_ts=TS.astimezone(timezone(timedelta(hours=2))))),
        (history(), history(order="asc")),
        (history(order="asc"), history()),
    ],
)
def test_parameters_that_repeat_the_token(made, parameters):
    """A client may repeat its query with the token, or spell out a default."""
    assert resume(make_token(made, TS), parameters).after == TS


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        None,
        5,
        "x",
        {"list": "vehicles"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": None},
        {"list": "vehicles", "vin_prefix": None, "soc_below": None, "seen_since": None, "after": None},
        {"list": "vehicles", "vin_prefix": None, "soc_below": None, "seen_since": None, "after": 5},
        {"list": "vehicles", "vin_prefix": 5, "soc_below": None, "seen_since": None, "after": "A"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": None, "seen_since": "now", "after": "A"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": "low", "seen_since": None, "after": "A"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": float("nan"), "seen_since": None, "after": "A"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": float("inf"), "seen_since": None, "after": "A"},
        {"list": "vehicles", "vin_prefix": None, "soc_below": None, "seen_since": None, "after": "\ud800"},
        {
            "list": "vehicles",
            "vin_prefix": None,
            "soc_below": None,
            "seen_since": None,
            "after": "A",
            "limit": 0,
        },
        {"list": "telemetry", "vin_prefix": None, "soc_below": None, "seen_since": None, "after": "A"},
    ],
    ids=range(17),
)
def test_forged_fleet_tokens(content):
    """A right checksum over a wrong query is refused like any other."""
    refused(seal(content), fleet())


@pytest.mark.parametrize(
    "change",
    [
        {"vin": None},
        {"order": "sideways"},
        {"after": "2026-01-24T12:05:00"},
        {"after": "yesterday"},
        {"from_ts": "2026-01-24"},
        {"list": "vehicles"},
        {"sql": "DROP TABLE telemetry"},
    ],
)
def test_forged_history_tokens(change):
    """Naive times, unknown orders and unknown fields are refused."""
    held = json.loads(history().model_copy(update={"after": TS}).model_dump_json())
    assert resume(seal(held), history()).after == TS
    refused(seal({**held, **change}), history())


def test_the_reason_does_not_repeat_the_token():
    """The refusal does not echo the token."""
    assert "hunter2" not in refused("hunter2", fleet())


@pytest.mark.parametrize("limit", [1, DEFAULT_LIMIT, MAX_LIMIT])
def test_limits_accepted(limit):
    """A page holds from 1 to 1,000 items."""
    assert TypeAdapter(Limit).validate_python(limit) == limit


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1, 10**30, "many", 1.5])
def test_limits_refused(limit):
    """Limits other than whole numbers from 1 to 1,000 are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Limit).validate_python(limit)
