"""Calls of the API, for tests."""

from shared.tally import Counts

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


def counts_of(numbers):
    """The counts of readings of a scrape, given every number of it by its name and its labels."""
    name = "battery_api_readings_"
    return Counts(
        *(numbers[f"{name}{state}_total",] for state in ("received", "stored", "duplicate")),
        {key[1]: value for key, value in numbers.items() if key[0] == f"{name}rejected_total"},
        numbers[f"{name}failed_total",],
        numbers[f"{name}in_flight",],
    )
