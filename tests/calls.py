"""Calls of the API, for tests."""

PROBLEM = "application/problem+json"
LATEST_FIELDS = [
    "vin", "ts", "soc", "soh", "pack_voltage", "pack_current", "power_kw", "max_temp", "min_temp", "odo_km",
    "alerts",
]  # fmt: skip


def post(api, *readings):
    return api.post("/api/telemetry", json=list(readings))


def problem(response, status):
    """A well-formed RFC 9457 answer with this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    assert "Traceback" not in response.text
    return body
