"""What became of the readings since the process started."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts of readings; `received` = stored + duplicate + rejected + those in flight."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    cleared: int = 0
    """Empty payloads, which clear a retained message and hold no reading."""

    def __str__(self) -> str:
        return (
            f"{self.received} readings received, {self.stored} stored, {self.duplicate} duplicate,"
            f" {self.rejected} rejected"
        )
