"""One MQTT message as it was received, with its acknowledgement."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A message that the broker keeps until it is acknowledged.

    `epoch` counts the connections: `mid` has a meaning only on the connection that it came over.
    """

    topic: bytes
    payload: bytes
    qos: int
    mid: int
    epoch: int
    received_at: datetime
    _acknowledge: Callable[["Delivery"], None] = field(repr=False)

    def acknowledge(self) -> None:
        """Let the broker forget the message. Only after the commit that holds its readings."""
        self._acknowledge(self)
