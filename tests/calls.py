"""Calls of the API for tests."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from shared.reading_counts import Counts

PROBLEM = "application/problem+json"
LATEST_FIELDS = [
    "vin", "ts", "soc", "soh", "pack_voltage", "pack_current", "power_kw", "max_temp", "min_temp", "odo_km",
    "alerts",
]  # fmt: skip


def plain_client(base_url, timeout=5):
    """Create a client without certificates, whose loading takes 0.06 s of processor: there is no TLS here."""
    return httpx.Client(base_url=base_url, timeout=timeout, verify=False)  # noqa: S501


def post(api, *readings):
    return api.post("/api/telemetry", json=list(readings))


def pages(api, path, **params):
    """Yield the items of a list, page by page."""
    body = api.get(path, params=params).json()
    yield body["items"]
    while body["next"]:
        body = api.get(path, params={"next": body["next"]}).json()
        yield body["items"]


def problem(response, status):
    """Assert a well-formed RFC 9457 answer with this status; returns its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    assert "Traceback" not in response.text
    return body


def numbers_of(scrape):
    """Return every number of a scrape by its name and its labels, those in the order of their names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
    }


def counts_of(numbers):
    """Return the counts of readings of an API's scrape, given its `numbers_of`."""
    name = "battery_api_readings_"
    return Counts(
        *(numbers[f"{name}{state}_total",] for state in ("received", "stored", "duplicate")),
        {key[1]: value for key, value in numbers.items() if key[0] == f"{name}rejected_total"},
        numbers[f"{name}failed_total",],
        numbers[f"{name}in_flight",],
    )
