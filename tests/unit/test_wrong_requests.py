"""Wrong requests: each is answered with a 4xx of the one shape, and the place of the error."""

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from api.http.body_limit import BodyLimit
from api.http.problems import add_error_handlers
from shared.api_settings import ApiSettings
from tests.asgi_calls import SECRET, call, problem

HISTORY = "/api/vehicles/VIN-00001/telemetry"
SUMMARY = "/api/vehicles/VIN-00001/summary"


@pytest.mark.parametrize(
    ("path", "query", "loc"),
    [
        (SUMMARY, {}, ["query", "from_ts"]),
        (SUMMARY, {"from_ts": SECRET, "to_ts": "2026-01-24T12:00:00Z"}, ["query", "from_ts"]),
        (SUMMARY, {"from_ts": "2026-01-24T12:00:00", "to_ts": "2026-01-24T12:00:00Z"}, ["query", "from_ts"]),
        (SUMMARY, {"from_ts": "2026-01-24T12:00:00Z", "to_ts": "2026-01-24T24:00:00Z"}, ["query", "to_ts"]),
        (SUMMARY, {"from_ts": "2026-01-24 12:00:00Z", "to_ts": "2026-01-24T12:00:00Z"}, ["query", "from_ts"]),
        (
            SUMMARY,
            {"from_ts": "2026-01-24T12:00:00+12:60", "to_ts": "2026-01-24T12:00:00Z"},
            ["query", "from_ts"],
        ),
        (HISTORY, {"from_ts": "1769256300"}, ["query", "from_ts"]),
        (HISTORY, {"order": SECRET}, ["query", "order"]),
        (HISTORY, {"limit": "0"}, ["query", "limit"]),
        (HISTORY, {"limit": "1001"}, ["query", "limit"]),
        (HISTORY, {"limit": SECRET}, ["query", "limit"]),
        (HISTORY, {"limit": "9" * 5_000}, ["query", "limit"]),
        ("/api/vehicles", {"soc_below": "NaN"}, ["query", "soc_below"]),
        ("/api/vehicles", {"soc_below": "1e999"}, ["query", "soc_below"]),
        ("/api/vehicles", {"vin_prefix": f"{SECRET}%"}, ["query", "vin_prefix"]),
        ("/api/vehicles", {"vin_prefix": f"{SECRET}\n"}, ["query", "vin_prefix"]),
        ("/api/vehicles", {"vin_prefix": ""}, ["query", "vin_prefix"]),
    ],
)
def test_a_wrong_parameter(app, path, query, loc):
    """The answer names the parameter and the reason, without the value that was sent."""
    body = problem(call(app, "GET", path, params=query), 422)
    assert body["errors"][0]["loc"] == loc
    # The sentence names the parameter as its sender wrote it, and speaks of no "Input".
    assert body["detail"].startswith(f"{loc[1]}: ")
    assert "Input" not in body["detail"]
    for error in body["errors"]:
        assert set(error) == {"loc", "msg", "type"}


STATES = "state: should be 'online', 'stale' or 'offline'"


@pytest.mark.parametrize(
    ("path", "query", "detail"),
    [
        ("/api/fleet", [("state", "on")], STATES),
        (
            "/api/fleet",
            [("state", "on"), ("state", "off")],
            STATES,
        ),
        (HISTORY, [("limit", "0")], "limit: should be greater than or equal to 1"),
        (SUMMARY, [("to_ts", "2026-01-24T12:00:00Z")], "from_ts: is missing"),
        (SUMMARY, [], "from_ts: is missing (and 1 more)"),
    ],
)
def test_the_sentence_on_a_wrong_parameter(app, path, query, detail):
    """The sentence names parameter and reason; the place within the request is in `errors`."""
    body = problem(call(app, "GET", path, params=query), 422)
    assert body["detail"] == detail
    assert {error["loc"][0] for error in body["errors"]} == {"query"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (SUMMARY, {"from_ts": "2026-01-24T12:00:01Z", "to_ts": "2026-01-24T12:00:00Z"}),
        (HISTORY, {"from_ts": "2026-01-24T12:00:01Z", "to_ts": "2026-01-24T12:00:00Z"}),
        (SUMMARY, {"from_ts": "2026-01-24T12:00:01+00:00", "to_ts": "2026-01-24T13:00:00 01:00"}),
        (HISTORY, {"next": SECRET}),
        ("/api/vehicles", {"next": SECRET}),
        ("/api/vehicles", {"next": ""}),
        ("/api/vehicles", {"next": "\N{SNOWMAN}"}),
    ],
)
def test_a_request_that_contradicts_itself(app, path, query):
    """A window that ends before it starts, or a token that is none, is a 400."""
    problem(call(app, "GET", path, params=query), 400)


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"[]", {}, 415),
        (b"[]", {"content-type": "text/plain"}, 415),
        (b"[]", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b"[]", {**JSON, "content-encoding": "gzip"}, 415),
        (b"[]", JSON, 400),
        (b"[]", {"content-type": "Application/JSON; charset=utf-8"}, 400),
        (b"[]", {"content-type": "application/vnd.telemetry+json"}, 400),
        (b"", JSON, 422),
        (b"{}", JSON, 422),
        (b"null", JSON, 422),
        (SECRET.encode(), JSON, 422),
        (f'["{SECRET}"]'.encode(), JSON, 422),
        (b"[NaN]", JSON, 422),
        (b'[{"soc": NaN}]', JSON, 422),
        (b'[{"soc": 1e999}]', JSON, 422),
        (b'["\xff"]', JSON, 422),
        (b"\xef\xbb\xbf[]", JSON, 422),
        (b"[" * 200_000, JSON, 422),
        (b"[" + b"9" * 5_000 + b"]", JSON, 422),
        (rb'[{"vin": "\ud800", "ts": "\ud800", "soc": "\ud800"}]', JSON, 422),
        (b"[{}," * 1 + b"{}]", JSON, 422),
        (b"[" + b"{}," * 10_000 + b"{}]", JSON, 413),
        (b"[" + b" " * 5 * 1024 * 1024 + b"]", JSON, 413),
    ],
    ids=range(23),
)
def test_a_wrong_body(app, body, headers, status):
    """Every wrong body is answered with a 4xx of the one shape, never with a 5xx."""
    problem(call(app, "POST", "/api/telemetry", content=body, headers=headers), status)


def test_each_bad_index_and_field_is_named(app):
    """One answer lists every error of an array, and the good reading in it is not stored."""
    good = {"vin": "VIN-00001", "ts": "2026-01-24T12:00:00Z", "soc": 1}
    sent = [
        good,
        {**good, "soc": 101, "vin": SECRET + " "},
        good,
        {**good, "ts": SECRET},
        5,
        {**good, "soc": None},
    ]
    body = problem(call(app, "POST", "/api/telemetry", json=sent), 422)
    assert [error["loc"] for error in body["errors"]] == [
        ["body", 1, "vin"],
        ["body", 1, "soc"],
        ["body", 3, "ts"],
        ["body", 4],
        ["body", 5],
    ]
    assert body["detail"].startswith("reading 1: vin: ")
    assert "(and 4 more)" in body["detail"]


def test_a_body_in_chunks_has_the_same_limit(app):
    """The bytes of a body without Content-Length are counted as they arrive."""

    async def chunks():
        for _ in range(6):
            yield b" " * 1024 * 1024

    problem(call(app, "POST", "/api/telemetry", content=chunks(), headers=JSON), 413)


@pytest.mark.parametrize("length", ["5242881", "9" * 20, "9" * 5_000])
def test_a_length_beyond_the_limit_is_refused_unread(app, length):
    """The request is refused before a byte of its body is read, for any number."""
    headers = {**JSON, "content-length": length}
    problem(call(app, "POST", "/api/telemetry", content=b"[]", headers=headers), 413)


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
@pytest.mark.parametrize("says", [True, False])
def test_the_limit_itself_is_inside(size, status, says):
    """Exactly as many bytes as allowed pass, one more does not, with a length and without."""
    app = FastAPI()
    app.add_middleware(BodyLimit, max_bytes=10)
    add_error_handlers(app)

    async def read(request):
        return PlainTextResponse(str(len(await request.body())))

    app.add_route("/read", read, methods=["POST"])

    async def chunks():
        for _ in range(size):
            yield b"x"

    answer = call(app, "POST", "/read", content=b"x" * size if says else chunks())
    assert answer.status_code == status


@pytest.mark.parametrize("sent", [None, "", "wrong", "one,two", " one", "ONE", "\xfc"])
def test_without_a_right_key(app, sent):
    """401 in the one shape, with the scheme; health needs no key."""
    app.state.settings = ApiSettings(api_keys=f"one,two,{SECRET}")
    headers = {} if sent is None else {"x-api-key": sent.encode("latin-1")}
    answer = call(app, "GET", "/api/vehicles?limit=0", headers=headers)
    problem(answer, 401)
    assert answer.headers["www-authenticate"]
    assert call(app, "GET", "/api/health/live").json() == {"status": "OK"}


@pytest.mark.parametrize("sent", ["one", "two"])
def test_with_a_right_key(app, sent):
    """Each of the keys is accepted; the answer is then the call's own error."""
    app.state.settings = ApiSettings(api_keys="one,two")
    assert call(app, "GET", "/api/vehicles?limit=0", headers={"x-api-key": sent}).status_code == 422
