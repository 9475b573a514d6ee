"""Page tokens: they bring their query along, and nothing else passes for one."""

import base64
import json
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.http.pagination import DEFAULT_LIMIT, MAX_LIMIT, Limit, _check, make_token, resume
from api.http.problems import ProblemError
from api.routers.vehicles import FleetQuery, HistoryQuery

TS = datetime(2026, 1, 24, 12, 5, 0, 1, tzinfo=UTC)
ALPHABET = string.ascii_letters + string.digits + "-_=+/. %\0\N{SNOWMAN}"


def fleet(**asked):
    everything = dict.fromkeys(("vin_prefix", "soc_below", "seen_since", "connectivity"))
    return FleetQuery(**everything | asked)


def history(**asked):
    return HistoryQuery(**{"vin": "VIN-00001", "from_ts": None, "to_ts": None, "order": None, **asked})


def seal(content):
    """A token whose checksum is right, whatever it holds."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return base64.urlsafe_b64encode(_check(content) + content).rstrip(b"=").decode()


def refused(token, asked):
    """The sentence that a token is refused with, always as a 400."""
    with pytest.raises(ProblemError) as problem:
        resume(token, asked)
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
    """The token alone asks the same again, for what follows the last key seen."""
    token = make_token(query, after)
    bare = fleet() if isinstance(query, FleetQuery) else history()
    assert resume(token, bare) == query.model_copy(update={"after": after})
    assert resume(token, query).after == after
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


@given(st.datetimes(timezones=st.just(UTC)), st.floats(allow_nan=False, allow_infinity=False))
def test_keys_come_back_exactly(moment, soc):
    """No microsecond and no digit is lost: a page neither repeats a row nor skips one."""
    assert resume(make_token(history(), moment), history()).after == moment
    assert resume(make_token(fleet(soc_below=soc), "A"), fleet()).soc_below == soc


def test_without_a_token():
    """The first page is what was asked."""
    assert resume(None, FULL_FLEET) is FULL_FLEET


@pytest.mark.parametrize(("query", "after"), [(FULL_FLEET, "VIN-00001"), (history(), TS)])
def test_every_changed_character_is_noticed(query, after):
    """Whichever character is replaced by whichever other one, the token is refused."""
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
    """Whatever is sent as a token is refused with a 400, never with an exception of another kind."""
    refused(text, fleet())


@given(st.binary())
def test_no_sealed_bytes_are_a_token(content):
    """The checksum is no secret: what it holds is checked all the same."""
    refused(seal(content), fleet())


def test_another_lists_token():
    """The token of one list does not ask another one."""
    refused(make_token(fleet(), "VIN-00001"), history())
    refused(make_token(history(), TS), fleet())


@pytest.mark.parametrize(
    ("made", "asked"),
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
def test_contradicting_fleet_parameters(made, asked):
    """A parameter beside the token that says something else than the token is a mistake, and is told."""
    assert "another query" in refused(make_token(made, "VIN-00001"), asked)


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        (history(), history(vin="VIN-00002")),
        (history(), history(from_ts=TS)),
        (history(), history(to_ts=TS)),
        (history(), history(order="desc")),
        (history(order="desc"), history(order="asc")),
        (history(from_ts=TS), history(from_ts=TS - timedelta(seconds=1))),
    ],
)
def test_contradicting_history_parameters(made, asked):
    """The same for a history, whose vehicle is part of the query."""
    assert "another query" in refused(make_token(made, TS), asked)


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        (history(order="asc"), history(order="asc")),
        (history(order="desc"), history(order="desc")),
        (history(from_ts=TS), history(from_ts=TS.astimezone(timezone(timedelta(hours=2))))),
        (history(), history(order="asc")),
        (history(order="asc"), history()),
    ],
)
def test_parameters_that_say_the_same(made, asked):
    """A client that repeats its query beside the token, or spells out a default, is understood."""
    assert resume(make_token(made, TS), asked).after == TS


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
    """The same for a history: naive times, unknown orders and unknown fields are refused."""
    held = json.loads(history().model_copy(update={"after": TS}).model_dump_json())
    assert resume(seal(held), history()).after == TS
    refused(seal({**held, **change}), history())


def test_the_reason_does_not_repeat_the_token():
    """A token may be anything: it is not echoed."""
    assert "hunter2" not in refused("hunter2", fleet())


@pytest.mark.parametrize("limit", [1, DEFAULT_LIMIT, MAX_LIMIT])
def test_limits_accepted(limit):
    """A page holds from 1 to 1,000 items."""
    assert TypeAdapter(Limit).validate_python(limit) == limit


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1, 10**30, "many", 1.5])
def test_limits_refused(limit):
    """No page is empty by request, and none is a whole table."""
    with pytest.raises(ValidationError):
        TypeAdapter(Limit).validate_python(limit)
