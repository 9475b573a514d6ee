"""Numbered readings: vehicle, time and every value follow from the number, so a row can be checked alone."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

MQTT = "MQTT"
POST = "POST"

_START = datetime(2025, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=1)
_VEHICLES = 20
_NUMBER = re.compile(rb'"number": (\d+)')


class Row(NamedTuple):
    """A reading as it must stand in the database."""

    vin: str
    ts: datetime
    soc: float
    pack_voltage: float
    odo_km: float


def row(channel: str, number: int) -> Row:
    """Return the reading of this number on a channel, MQTT or POST."""
    return Row(
        vin=f"{channel}-{number % _VEHICLES:02d}",
        ts=_START + number * _STEP,
        soc=number % 1001 / 10,
        pack_voltage=300 + number % 997 / 8,
        odo_km=number % 9_999_999 / 10,
    )


def number_of(ts: datetime) -> int:
    """Return the number of the reading with this time."""
    return (ts - _START) // _STEP


def content(channel: str, number: int) -> dict[str, Any]:
    """Return the reading as a vehicle sends it; `number` is a field that the system ignores."""
    reading = row(channel, number)
    return {**reading._asdict(), "ts": reading.ts.isoformat(), "number": number}


PARTS = ("soc", "pack_voltage", "odo_km")
"""The signals of a reading, each of which may be sent alone."""


def piece(number: int, part: str) -> bytes:
    """Encode one signal of a good reading for MQTT."""
    whole = content(MQTT, number)
    return json.dumps({name: whole[name] for name in ("vin", "ts", "number", part)}).encode()


def payload(number: int) -> bytes:
    """Encode a good reading for MQTT."""
    return json.dumps(content(MQTT, number)).encode()


def poison(number: int) -> bytes:
    """Encode a bad reading, of three kinds in turn: out of range, truncated, of another vehicle."""
    good = content(MQTT, number)
    changed: Mapping[str, Any] = {"soc": 101} if number % 3 == 0 else {"vin": "SOMEBODY-ELSE"}
    text = json.dumps({"number": number, **good, **changed}).encode()
    return text[:-1] if number % 3 == 1 else text


def poison_reason(number: int) -> str:
    """Return the reason for which the bad reading of this number is rejected."""
    return ("bad_reading", "bad_json", "vin_mismatch")[number % 3]


def number_in(rejected: bytes) -> int | None:
    """Return the number in a rejected payload; None in one that the harness did not send."""
    found = _NUMBER.search(rejected)
    return int(found[1]) if found else None
