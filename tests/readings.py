"""Readings for tests."""

import json
from datetime import UTC, datetime, timedelta

from shared.wire.reading import Reading, Row

START = datetime(2026, 1, 24, 12, 0, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

WORKED_EXAMPLE = [
    {
        "vin": "VIN-DEMO-001",
        "ts": "2026-01-24T12:05:00Z",
        "soc": 18.0,
        "soh": 92.0,
        "pack_voltage": 310.1,
        "pack_current": 95.0,
        "max_temp": 52.0,
        "min_temp": 33.0,
        "odo_km": 1201.2,
    },
    {
        "vin": "VIN-DEMO-001",
        "ts": "2026-01-24T12:10:00Z",
        "soc": 35.5,
        "soh": 92.0,
        "pack_voltage": 315.0,
        "pack_current": 70.0,
        "max_temp": 32.0,
        "min_temp": 24.0,
        "odo_km": 1201.8,
    },
]


def at(second):
    """Return the moment `second` seconds after START."""
    return START + timedelta(seconds=second)


def stamp(second):
    """Return that moment as it stands on the wire."""
    return at(second).isoformat().replace("+00:00", "Z")


def raw(vin="VIN-00001", second=0, **signals):
    """Return a reading as a vehicle sends it."""
    return {"vin": vin, "ts": stamp(second), **(signals or {"soc": 50.0})}


def row(vin="VIN-00001", second=0, received_at=START, **signals):
    """Return a reading as it is stored."""
    return Row.of(reading(vin, second, **signals), received_at)


def reading(vin="VIN-00001", second=0, **signals):
    """Return a reading as our code holds it."""
    return Reading.model_validate(raw(vin, second, **signals), context=LATEST)


def payload(*readings):
    """Encode one reading, or an array of several."""
    return json.dumps(readings[0] if len(readings) == 1 else readings).encode()
