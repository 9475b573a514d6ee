"""A reading on the wire: one time-stamped set of signals of one vehicle."""

import json
from datetime import datetime
from typing import NamedTuple

from shared.wire.reading import normalise_vin
from shared.wire.timestamps import parse_timestamp

Reading = dict[str, str | float | None]
"""`vin`, `ts` and the signals: %, %, V, A (positive = discharge), °C, °C, km; null where not known."""

Key = tuple[str, datetime]
"""The identity of a reading: the VIN in upper case, and the time."""


class DueReading(NamedTuple):
    """A reading, and its due time: seconds of real time after the first (0 = at once)."""

    due_s: float
    vin: str
    reading: Reading


def key_of(vin: str, ts: object) -> Key:
    """Return the key of a reading, in whichever spelling vehicle and time are given. Raises ValueError."""
    return normalise_vin(vin), parse_timestamp(ts)


def encode(reading: Reading) -> bytes:
    """Encode the reading as JSON; the same reading always gives the same bytes."""
    return json.dumps(reading, separators=(",", ":"), allow_nan=False).encode()
