"""The API over HTTP, against a real PostgreSQL."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from api.lifespan import make_database
from shared.api_settings import ApiSettings
from tests.calls import LATEST_FIELDS, PROBLEM, post, problem
from tests.readings import WORKED_EXAMPLE, raw, stamp


def test_the_worked_example_holds_literally(api):
    """The contract's example: the answers, to the letter and in the order of the fields."""
    assert api.get("/api/health").text == '{"status":"OK","db":"OK"}'
    assert post(api, *WORKED_EXAMPLE).text == '{"inserted":2}'
    latest = api.get("/api/vehicles/VIN-DEMO-001/latest").json()
    assert list(latest) == LATEST_FIELDS
    assert latest == {**WORKED_EXAMPLE[1], "power_kw": 22.05, "alerts": []}
    window = {"from_ts": "2026-01-24T11:59:00Z", "to_ts": "2026-01-24T12:10:00Z"}
    summary = api.get("/api/vehicles/VIN-DEMO-001/summary", params=window)
    assert summary.json() == {
        "vin": "VIN-DEMO-001",
        **window,
        "samples": 2,
        "soc_min": 18.0,
        "soc_max": 35.5,
        "temp_max": 52.0,
        "temp_min": 24.0,
    }
    assert post(api, *WORKED_EXAMPLE).json() == {"inserted": 0, "duplicates": 2}


def test_duplicates_are_named_only_where_there_are_any(api):
    """`duplicates` stands in the answer only when it is not zero; the same key twice in a request counts."""
    assert post(api, raw(second=0)).json() == {"inserted": 1}
    assert post(api, raw(second=0), raw(second=1), raw(second=1)).json() == {"inserted": 1, "duplicates": 2}


def test_a_conflicting_reading_counts_and_is_kept(api, engine):
    """Same vehicle and time, other values: among the duplicates, not stored, and kept as a rejection once."""
    post(api, raw(soc=1))
    for _ in range(2):
        assert post(api, raw(soc=2), raw(soc=1)).json() == {"inserted": 0, "duplicates": 2}
    with engine.connect() as connection:
        [(reason, topic, kept)] = connection.execute(
            text("SELECT reason, topic, payload FROM rejections")
        ).all()
    assert (reason, bytes(topic)) == ("conflict", b"vehicles/VIN-00001/telemetry")
    assert json.loads(bytes(kept)) == raw(soc=2)
    assert api.get("/api/vehicles/VIN-00001/latest").json()["soc"] == 1


def test_one_bad_reading_and_nothing_is_stored(api):
    """All or nothing: the answer names each bad index and field."""
    body = problem(post(api, raw(second=0), raw(second=1, soc=101), {"vin": "x", "soc": 1}), 422)
    assert [error["loc"] for error in body["errors"]] == [
        ["body", 1, "soc"],
        ["body", 2, "vin"],
        ["body", 2, "ts"],
    ]
    problem(api.get("/api/vehicles/VIN-00001/latest"), 404)


def test_an_alert_names_its_values(api):
    """Alerts come from the newest reading alone, with code, severity and a sentence."""
    post(api, raw(max_temp=61, min_temp=30, soc=4, soh=69))
    alerts = api.get("/api/vehicles/VIN-00001/latest").json()["alerts"]
    assert [(alert["code"], alert["severity"]) for alert in alerts] == [
        ("TEMP_HIGH", "critical"),
        ("SOC_LOW", "critical"),
        ("SOH_LOW", "critical"),
        ("TEMP_SPREAD", "critical"),
    ]
    assert "61 °C" in alerts[0]["message"]


def test_alert_thresholds_are_settings(serve, database_url):
    """A setting moves a threshold."""
    api = serve(database_url=database_url, alert_temp_high_warning=30)
    post(api, raw(max_temp=31))
    assert api.get("/api/vehicles/VIN-00001/latest").json()["alerts"][0]["code"] == "TEMP_HIGH"


def test_latest_is_the_newest_ts_in_any_order_of_arrival(api):
    """A late reading does not become the latest one."""
    post(api, raw(second=10, soc=10))
    post(api, raw(second=5, soc=5))
    assert api.get("/api/vehicles/vin-00001/latest").json()["ts"] == stamp(10)


def test_summary_includes_both_ends(api):
    """Readings at from_ts and at to_ts count; one just outside does not."""
    post(api, *(raw(second=n, soc=n, max_temp=n, min_temp=-n) for n in range(5)))
    window = {"from_ts": stamp(1), "to_ts": stamp(3)}
    found = api.get("/api/vehicles/VIN-00001/summary", params=window).json()
    assert (found["samples"], found["soc_min"], found["soc_max"]) == (3, 1, 3)
    assert (found["temp_max"], found["temp_min"]) == (3, -3)


def test_summary_of_an_empty_window(api):
    """A known vehicle without readings in the window: zero samples and nulls, not an error."""
    post(api, raw())
    window = {"from_ts": "2020-01-01T00:00:00Z", "to_ts": "2020-01-02T00:00:00Z"}
    found = api.get("/api/vehicles/VIN-00001/summary", params=window).json()
    assert found == {
        "vin": "VIN-00001", **window, "samples": 0,
        "soc_min": None, "soc_max": None, "temp_max": None, "temp_min": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("from_ts", "to_ts", "status"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", 400),
        ("2026-01-02T00:00:00", "2026-01-03T00:00:00Z", 422),
        ("yesterday", "2026-01-03T00:00:00Z", 422),
        ("2026-01-02T00:00:00Z", "1769256300", 422),
        ("2026-01-02T24:00:00Z", "2026-01-03T00:00:00Z", 422),
        ("2026-01-02T00:00:60Z", "2026-01-03T00:00:00Z", 422),
        ("2026-01-02T00:00:00+0100", "2026-01-03T00:00:00Z", 422),
        ("2026-02-30T00:00:00Z", "2026-03-03T00:00:00Z", 422),
    ],
)
def test_invalid_windows(api, from_ts, to_ts, status):
    """Backwards is 400; naive, broken or impossible times are 422 and name the parameter."""
    post(api, raw())
    body = problem(
        api.get("/api/vehicles/VIN-00001/summary", params={"from_ts": from_ts, "to_ts": to_ts}), status
    )
    if status == 422:
        assert body["errors"][0]["loc"][0] == "query"


def test_a_plus_that_arrived_as_a_blank_is_an_offset(api):
    """An unescaped + in a query arrives as a blank; the offset is understood all the same."""
    post(api, raw(second=0))
    answer = api.get(
        "/api/vehicles/VIN-00001/summary?from_ts=2026-01-24T13:00:00+01:00&to_ts=2026-01-24T13:00:00+01:00"
    )
    assert answer.json()["samples"] == 1
    assert answer.json()["from_ts"] == "2026-01-24T12:00:00Z"


@pytest.mark.parametrize(
    "path", ["latest", "summary?from_ts=2026-01-01T00:00:00Z&to_ts=2026-01-02T00:00:00Z", "telemetry"]
)
@pytest.mark.parametrize("vin", ["VIN-NEVER-SEEN", "NOPE", "a%20b", "x" * 41, "%00%00%00%00%00"])
def test_a_vehicle_that_was_never_seen(api, vin, path):
    """404 for an unknown VIN and for a malformed one; the sentence says which."""
    detail = problem(api.get(f"/api/vehicles/{vin}/{path}"), 404)["detail"]
    assert ("5 to 40 letters" in detail) is (vin != "VIN-NEVER-SEEN")


def test_the_limits_of_a_request(api):
    """Empty is 400; 10,000 readings are fine, one more is 413, and so are over 5 MiB, in chunks or not."""
    problem(post(api), 400)
    readings = [raw(second=n) for n in range(10_001)]
    assert post(api, *readings[:10_000]).json() == {"inserted": 10_000}
    problem(post(api, *readings), 413)
    headers = {"Content-Type": "application/json"}
    large = b"[" + b" " * (5 * 1024 * 1024) + b"]"
    problem(api.post("/api/telemetry", content=large, headers=headers), 413)
    chunks = (large[start : start + 65536] for start in range(0, len(large), 65536))
    problem(api.post("/api/telemetry", content=chunks, headers=headers), 413)


def test_a_body_in_chunks_is_read(api):
    """A body without Content-Length is accepted up to the limit."""
    body = json.dumps([raw()]).encode()
    answer = api.post(
        "/api/telemetry",
        content=(body[n : n + 5] for n in range(0, len(body), 5)),
        headers={"Content-Type": "application/json"},
    )
    assert answer.json() == {"inserted": 1}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
     {"Content-Type": "application/json", "Content-Encoding": "gzip"}],
)  # fmt: skip
def test_a_body_without_the_content_type_of_json(api, headers):
    """Wrong or missing Content-Type, or a compressed body: 415, and nothing is unpacked."""
    body = gzip.compress(b"[" + b" " * 10_000_000 + b"]") if "Content-Encoding" in headers else b"[]"
    request = api.build_request("POST", "/api/telemetry", content=body, headers=headers)
    problem(api.send(request), 415)


def test_errors_of_the_framework_have_the_same_shape(api):
    """An unknown path, a wrong method, a missing parameter."""
    problem(api.get("/nothing/here"), 404)
    answer = api.put("/api/telemetry")
    problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    problem(api.get("/api/vehicles/VIN-00001/summary"), 422)


def test_a_bug_is_500_without_a_trace(serve, database_url, monkeypatch):
    """The answer says that the fault is the service's, and reveals no code."""

    def fail(*_arguments, **_options):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("api.queries.vehicle_states.latest", fail)
    body = problem(serve(database_url=database_url).get("/api/vehicles/VIN-00001/latest"), 500)
    assert "secret" not in str(body)


def test_with_keys_every_call_but_health_needs_one(serve, database_url):
    """401 without a key or with a wrong one, also for a bad body; each of the keys is accepted."""
    api = serve(database_url=database_url, api_keys="one, two", api_failed_keys_per_minute=0)
    calls = [
        ("GET", "/api/vehicles"),
        ("GET", "/api/vehicles/VIN-00001/latest"),
        ("GET", "/api/vehicles/VIN-00001/summary"),
        ("GET", "/api/vehicles/VIN-00001/telemetry"),
        ("POST", "/api/telemetry"),
        ("GET", "/metrics"),
    ]
    for method, path in calls:
        assert "www-authenticate" in api.request(method, path).headers
        problem(api.request(method, path), 401)
        problem(api.request(method, path, headers={"X-API-Key": "three"}), 401)
        problem(api.request(method, path, headers={"X-API-Key": "ö".encode()}), 401)
        assert api.request(method, path, headers={"X-API-Key": "two"}).status_code != 401
    assert api.get("/api/health").status_code == 200
    assert api.get("/api/health/live").json() == {"status": "OK"}


def test_a_slow_query_is_ended(serve, database_url, engine):
    """A statement over its timeout is ended by the server and answered with 503."""
    api = serve(database_url=database_url, api_statement_timeout_ms=300)
    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE vehicle_latest IN ACCESS EXCLUSIVE MODE"))
        answer = api.get("/api/vehicles/VIN-00001/latest")
        problem(answer, 503)
        assert "retry-after" in answer.headers
        assert answer.elapsed < timedelta(seconds=3)
        lock.rollback()
    problem(api.get("/api/vehicles/VIN-00001/latest"), 404)


def test_reading_cannot_write(database_url):
    """The connections of GET calls are read-only on the server."""

    async def try_to_write():
        database = make_database(ApiSettings(database_url=database_url))

        async def write(connection):
            await connection.execute("DELETE FROM telemetry")

        try:
            await database.read(write)
        finally:
            await database.close()

    with pytest.raises(Exception, match="read-only"):
        asyncio.run(try_to_write())


def test_a_reading_of_the_near_future(api):
    """A `ts` up to 5 minutes ahead is stored; one further ahead is refused."""
    now = datetime.now(UTC)
    near, far = (now + timedelta(seconds=s) for s in (290, 310))
    assert post(api, {**raw(), "ts": near.isoformat()}).status_code == 200
    body = problem(post(api, {**raw(), "ts": far.isoformat()}), 422)
    assert body["errors"][0]["loc"] == ["body", 0, "ts"]


def test_openapi_describes_every_call(api):
    """The document names every path, its errors as problems, an example body, and no missing schema."""
    document = api.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/fleet",
        "/api/fleet/charging",
        "/api/episodes",
        "/api/episodes/{id}",
        "/api/episodes/{id}/acknowledge",
        "/api/episodes/{id}/mute",
        "/api/episodes/{id}/notes",
        "/api/export/summary",
        "/api/export/telemetry",
        "/api/health",
        "/api/health/live",
        "/api/rejections",
        "/api/rejections/{id}",
        "/api/rejections/{id}/replay",
        "/api/telemetry",
        "/api/vehicles",
        "/api/vehicles/{vin}/connectivity",
        "/api/vehicles/{vin}/latest",
        "/api/vehicles/{vin}/series",
        "/api/vehicles/{vin}/profile",
        "/api/vehicles/{vin}/anomalies",
        "/api/vehicles/{vin}/sessions",
        "/api/vehicles/{vin}/diagnosis",
        "/api/vehicles/{vin}/battery",
        "/api/alerts",
        "/api/audit",
        "/api/me",
        "/metrics",
        "/api/vehicles/{vin}/summary",
        "/api/vehicles/{vin}/state",
        "/api/vehicles/{vin}/telemetry",
    }
    body = document["paths"]["/api/telemetry"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"][0]["vin"] == "VIN-DEMO-001"
    schemas = document["components"]["schemas"]
    references = {part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]}
    assert references <= set(schemas)
    assert PROBLEM in document["paths"]["/api/vehicles/{vin}/latest"]["get"]["responses"]["404"]["content"]
    assert api.get("/docs").status_code == 200


def test_no_server_header(api):
    """No response names the server program or its version."""
    assert "server" not in api.get("/api/health/live").headers
