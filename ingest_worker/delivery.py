"""An MQTT message as it was received."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that the broker keeps until its acknowledgement.

    `mid` is the packet id, which is valid only on the connection that brought it; `epoch` is the number of
    that connection.
    """

    topic: bytes
    payload: bytes
    qos: int
    mid: bytes
    epoch: int
    received_at: datetime
