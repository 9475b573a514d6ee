"""What was sent through one door, and what was acknowledged there, by number."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Journal:
    """Written by one thread. Times are of `time.monotonic()`."""

    door: str
    sent: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    """Of those sent: readings that the system must reject."""
    acknowledged: dict[int, float] = field(default_factory=dict)
    """When the broker's PUBACK, or the API's 200, arrived."""
