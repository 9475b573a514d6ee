"""The status that a vehicle announces."""

from datetime import datetime
from typing import NamedTuple

from shared.wire.connectivity import Status


class VehicleStatus(NamedTuple):
    """One status message; `received_at` is by our clock."""

    vin: str
    status: Status
    received_at: datetime
