"""One MQTT message as it was received."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that the broker keeps until it is acknowledged.

    `mid`, its packet id, has a meaning only on the connection that it came over; `epoch` counts those.
    """

    topic: bytes
    payload: bytes
    qos: int
    mid: bytes
    epoch: int
    received_at: datetime
