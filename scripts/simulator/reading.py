"""A reading as it goes over the wire: one time-stamped set of signals of one vehicle."""

import json
from datetime import datetime
from typing import NamedTuple

from shared.wire.reading import normalise_vin
from shared.wire.timestamps import parse_timestamp

Reading = dict[str, str | float | None]
"""`vin`, `ts` and the signals: %, %, V, A (positive = discharge), °C, °C, km; null where not known."""

Key = tuple[str, datetime]
"""What tells readings apart: the VIN in upper case, and the moment."""


class DueReading(NamedTuple):
    """A reading, and when to publish it: seconds of real time after the first (0 = at once)."""

    due_s: float
    vin: str
    reading: Reading


def key_of(vin: str, ts: object) -> Key:
    """The key of a reading, however its vehicle and its time are spelled. Raises ValueError."""
    return normalise_vin(vin), parse_timestamp(ts)


def encode(reading: Reading) -> bytes:
    """The reading as JSON; the same reading always gives the same bytes."""
    return json.dumps(reading, separators=(",", ":"), allow_nan=False).encode()
