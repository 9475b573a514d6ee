"""Numbered readings of nine fields, all of the same length, about that of a real vehicle's."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.wire.reading import SIGNALS

VEHICLES = 100
MOST_VEHICLES = 100_000
"""Largest number of vehicles whose VINs have the same length."""

START = datetime(2025, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """The primary key of a row of `telemetry`."""

    vin: str
    ts: datetime


def vin(vehicle: int) -> str:
    """Return the VIN of a vehicle by its number."""
    return f"BENCH-{vehicle:05d}"


def key(number: int, step_s: int = 1, *, vehicles: int = VEHICLES) -> Key:
    """Return the key of a reading by its number; each vehicle in turn sends one every `step_s` seconds."""
    turn, vehicle = divmod(number, vehicles)
    return Key(vin(vehicle), START + timedelta(seconds=turn * step_s))


def signals(number: int) -> tuple[float, ...]:
    """Return the values in the order of SIGNALS: %, %, V, A, °C, °C, km."""
    return 10 + number % 890 / 10, 92.0, 300 + number % 990 / 10, 95.0, 42.0, 33.0, 1201.2


def payload(
    number: int, step_s: int = 1, *, vehicles: int = VEHICLES, names: Collection[str] = SIGNALS
) -> bytes:
    """Encode a reading, or these signals of it, as its vehicle sends it."""
    vin, ts = key(number, step_s, vehicles=vehicles)
    values = zip(SIGNALS, signals(number), strict=True)
    members = ",".join(f'"{name}":{value:.1f}' for name, value in values if name in names)
    return f'{{"vin":"{vin}","ts":"{ts:%Y-%m-%dT%H:%M:%SZ}",{members}}}'.encode()


def array(numbers: Iterable[int], step_s: int = 1, *, vehicles: int = VEHICLES) -> bytes:
    """Encode readings as one JSON array."""
    return b"[" + b",".join(payload(number, step_s, vehicles=vehicles) for number in numbers) + b"]"
