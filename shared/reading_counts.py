"""What became of the readings since the process started, so counted that it always adds up."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """One look at a tally, in readings: received = stored + duplicate + rejected + failed + in_flight."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    failed: int = 0
    """Neither stored nor kept, and the sender was told so."""
    in_flight: int = 0

    @property
    def rejected_total(self) -> int:
        return sum(self.rejected.values())

    @property
    def adds_up(self) -> bool:
        """Whether every reading that was received is in exactly one state."""
        settled = self.stored + self.duplicate + self.rejected_total + self.failed
        return self.received == settled + self.in_flight

    def __str__(self) -> str:
        return (
            f"{self.received} readings received, {self.stored} stored, {self.duplicate} duplicate,"
            f" {self.rejected_total} rejected"
        )


class Tally:
    """Counted by the thread that moves the readings, looked at by any.

    `in_flight` is counted by itself and not as a remainder: a way out that forgets its readings shows.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = self._stored = self._duplicate = self._failed = self._in_flight = 0
        self._rejected: Counter[str] = Counter()

    def receive(self, readings: int) -> None:
        """So many have been received, and are on their way."""
        with self._lock:
            self._received += readings
            self._in_flight += readings

    def settle(
        self,
        readings: int,
        *,
        stored: int = 0,
        duplicate: int = 0,
        rejected: Mapping[str, int] | None = None,
        failed: int = 0,
    ) -> None:
        """So many are no longer on their way, and this is what became of them."""
        with self._lock:
            self._in_flight -= readings
            self._stored += stored
            self._duplicate += duplicate
            self._rejected.update(rejected or {})
            self._failed += failed

    def look(self) -> Counts:
        """All counts as they were at one moment."""
        with self._lock:
            return Counts(
                received=self._received,
                stored=self._stored,
                duplicate=self._duplicate,
                rejected=dict(self._rejected),
                failed=self._failed,
                in_flight=self._in_flight,
            )
