"""The numbers sent and acknowledged through one channel."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Journal:
    """A journal of one channel, MQTT or POST, written by one thread. Times are of `time.monotonic()`."""

    channel: str
    sent: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    """Numbers sent as readings that the system must reject."""
    acknowledged: dict[int, float] = field(default_factory=dict)
    """Times at which the broker's PUBACK, or the API's 200, arrived."""
