"""A reading as it goes over the wire: one time-stamped set of signals of one vehicle."""

import json
import re
from typing import NamedTuple

SIGNALS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")

VIN = re.compile(r"[A-Za-z0-9-]{5,40}")

Reading = dict[str, str | float | None]
"""`vin`, `ts` and SIGNALS: %, %, V, A (positive = discharge), °C, °C, km; null where not known."""


class DueReading(NamedTuple):
    """A reading, and when to publish it: seconds of real time after the first (0 = at once)."""

    due_s: float
    vin: str
    reading: Reading


def encode(reading: Reading) -> bytes:
    """The reading as JSON; the same reading always gives the same bytes."""
    return json.dumps(reading, separators=(",", ":"), allow_nan=False).encode()
