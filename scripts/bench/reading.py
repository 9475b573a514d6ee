"""Numbered readings of nine fields, all of the same length, about that of a real vehicle's."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

VEHICLES = 100

_START = datetime(2025, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """What a row of `telemetry` is found by."""

    vin: str
    ts: datetime


def key(number: int) -> Key:
    """Each vehicle in turn sends one reading a second."""
    turn, vehicle = divmod(number, VEHICLES)
    return Key(f"BENCH-{vehicle:05d}", _START + timedelta(seconds=turn))


def payload(number: int) -> bytes:
    """The reading as its vehicle sends it."""
    vin, ts = key(number)
    soc, voltage = 10 + number % 890 / 10, 300 + number % 990 / 10
    return (
        f'{{"vin":"{vin}","ts":"{ts:%Y-%m-%dT%H:%M:%SZ}","soc":{soc:.1f},"soh":92.0,'
        f'"pack_voltage":{voltage:.1f},"pack_current":95.0,"max_temp":42.0,"min_temp":33.0,"odo_km":1201.2}}'
    ).encode()
