"""An MQTT message as it was received."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that the broker keeps until its acknowledgement.

    `mid` is the packet id, which is valid only on the connection that brought it; `epoch` is the number of
    that connection. `is_retained` and `is_repeated` are MQTT's RETAIN and DUP.
    """

    topic: bytes
    payload: bytes
    qos: int
    mid: bytes
    is_retained: bool
    is_repeated: bool
    epoch: int
    received_at: datetime
