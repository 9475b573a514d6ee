"""Counts of readings by outcome since the process started; at any moment the outcomes add up."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """A snapshot of a tally, in readings: received = stored + duplicate + rejected + failed + in_flight."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Readings by reason."""
    failed: int = 0
    """Neither stored nor kept as rejections; the sender got an error."""
    in_flight: int = 0

    @property
    def rejected_total(self) -> int:
        return sum(self.rejected.values())

    @property
    def adds_up(self) -> bool:
        """True where every received reading is in exactly one state."""
        settled = self.stored + self.duplicate + self.rejected_total + self.failed
        return self.received == settled + self.in_flight

    def __str__(self) -> str:
        return (
            f"{self.received} readings received, {self.stored} stored, {self.duplicate} duplicate,"
            f" {self.rejected_total} rejected"
        )


class Tally:
    """Counters of readings; one thread counts, any thread may read.

    `in_flight` is a counter of its own, not the remainder: code that forgets to settle its readings shows in
    `adds_up`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = self._stored = self._duplicate = self._failed = self._in_flight = 0
        self._rejected: Counter[str] = Counter()

    def receive(self, readings: int) -> None:
        """Count readings that were received and are in flight now."""
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
        """Count the outcomes of so many readings, which are no longer in flight."""
        with self._lock:
            self._in_flight -= readings
            self._stored += stored
            self._duplicate += duplicate
            self._rejected.update(rejected or {})
            self._failed += failed

    def snapshot(self) -> Counts:
        """Return all counts of one moment."""
        with self._lock:
            return Counts(
                received=self._received,
                stored=self._stored,
                duplicate=self._duplicate,
                rejected=dict(self._rejected),
                failed=self._failed,
                in_flight=self._in_flight,
            )
