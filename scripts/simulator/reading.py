"""A reading as it goes over the wire: one time-stamped set of signals of one vehicle."""

import json
from typing import NamedTuple

Reading = dict[str, str | float | None]
"""`vin`, `ts` and the signals: %, %, V, A (positive = discharge), °C, °C, km; null where not known."""


class DueReading(NamedTuple):
    """A reading, and when to publish it: seconds of real time after the first (0 = at once)."""

    due_s: float
    vin: str
    reading: Reading


def encode(reading: Reading) -> bytes:
    """The reading as JSON; the same reading always gives the same bytes."""
    return json.dumps(reading, separators=(",", ":"), allow_nan=False).encode()
