"""Requests that a page of another web site can make to an API without keys."""

import pytest

from tests.calls import post, problem
from tests.readings import raw

EVIL = {"Host": "rebind.example:8000"}


@pytest.mark.parametrize(
    "path", ["/", "/api/fleet", "/api/health", "/docs", "/openapi.json", "/metrics", "/nothing"]
)
def test_a_name_of_another_site_is_refused(api, path):
    """Every path is refused, and the answer names the setting; the names of this machine are accepted."""
    assert "API_ALLOWED_HOSTS" in problem(api.get(path, headers=EVIL), 421)["detail"]
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "battery-api:8000"):
        assert api.get(path, headers={"Host": host}).status_code == (404 if path == "/nothing" else 200)


def test_nothing_is_stored_by_that_name(api):
    """A POST is refused as well, and counted."""
    problem(api.post("/api/telemetry", json=[raw()], headers=EVIL), 421)
    problem(api.get("/api/vehicles/VIN-00001/latest"), 404)
    assert '"421"' in api.get("/metrics").text


def test_the_setting_and_a_key_allow_it(serve, database_url):
    """A listed host is accepted; with keys, every host is, for clients with a key."""
    api = serve(database_url=database_url, api_allowed_hosts="cars.example.org, rebind.example")
    assert api.get("/api/fleet", headers=EVIL).status_code == 200
    problem(api.get("/api/fleet", headers={"Host": "other.example"}), 421)
    api = serve(database_url=database_url, api_keys="secret")
    assert api.get("/api/fleet", headers={**EVIL, "X-API-Key": "secret"}).status_code == 200
    problem(api.get("/api/fleet", headers=EVIL), 401)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_what_a_form_or_a_plain_fetch_can_send(api, kind):
    """Kinds that a browser sends to another site without asking it first: 415, and nothing is stored."""
    headers = {"Origin": "http://rebind.example", **({"Content-Type": kind} if kind else {})}
    content = b'[{"vin":"VIN-00001","ts":"2026-01-24T12:00:00Z","soc":50}]'
    problem(api.post("/api/telemetry", content=content, headers=headers), 415)
    problem(api.get("/api/vehicles/VIN-00001/latest"), 404)


def test_no_other_site_gets_cors_headers(api):
    """A preflight request (for JSON, PUT, DELETE) gets no permission, nor may an answer be read."""
    post(api, raw())
    preflight = {"Origin": "http://rebind.example", "Access-Control-Request-Method": "POST"}
    answer = api.options(
        "/api/telemetry", headers={**preflight, "Access-Control-Request-Headers": "content-type"}
    )
    assert answer.status_code == 405
    for each in (answer, api.get("/api/fleet", headers={"Origin": "http://rebind.example"})):
        assert not [name for name in each.headers if name.startswith("access-control")]
