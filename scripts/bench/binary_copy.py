"""Rows in the format of COPY ... (FORMAT BINARY), for a table with the columns of `telemetry`."""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from scripts.bench import sample_readings
from scripts.bench.sample_readings import VEHICLES

COLUMNS = (
    "vin",
    "ts",
    "received_at",
    "soc",
    "soh",
    "pack_voltage",
    "pack_current",
    "max_temp",
    "min_temp",
    "odo_km",
)

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Each value with its length before it: two times of 8 bytes, seven numbers of 8 bytes.
_REST = struct.Struct("!" + "iq" * 2 + "id" * 7)


def packed(numbers: Iterable[int], received_at: datetime, *, vehicles: int = VEHICLES) -> bytes:
    """Return the whole input of a binary COPY for the readings of these numbers."""
    received = (received_at - _EPOCH) // _MICROSECOND
    return b"".join([_HEAD, *(_row(number, received, vehicles) for number in numbers), _END])


def _row(number: int, received: int, vehicles: int) -> bytes:
    vin, ts = sample_readings.key(number, vehicles=vehicles)
    name = vin.encode()
    values = [8, (ts - _EPOCH) // _MICROSECOND, 8, received]
    for value in sample_readings.signals(number):
        values += [8, value]  # type: ignore[list-item]
    return struct.pack("!hi", len(COLUMNS), len(name)) + name + _REST.pack(*values)
