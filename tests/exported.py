"""Exports for tests: the calls, and what they hold."""

import csv
import io
import json

from shared.storage.store_readings import CopyBackoff, store
from tests.readings import stamp

READINGS = "/api/export/telemetry"
SUMMARIES = "/api/export/summary"
DAY = {"from_ts": stamp(0), "to_ts": stamp(86_400)}


def stored(engine, rows):
    with engine.begin() as connection:
        store(connection, sorted(rows), CopyBackoff())


def lines(response):
    """Parse an export of either format into values by line and column."""
    if response.headers["content-type"] == "text/csv; charset=utf-8":
        return [
            {
                name: None
                if cell == ""
                else cell
                if name == "vin" or name.endswith(("ts", "at"))
                else float(cell)
                for name, cell in line.items()
            }
            for line in csv.DictReader(io.StringIO(response.text, newline=""))
        ]
    assert response.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    return [json.loads(line, parse_int=float) for line in response.text.splitlines()]
