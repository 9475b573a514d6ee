"""The outcome of one run: what became of its readings, and whether the guarantee held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.faults import numbered_reading
from scripts.faults.inspection import Found
from scripts.faults.journal import Journal


@dataclass(slots=True)
class Outcome:
    """One line of the table; counts are of readings."""

    sent: int = 0
    acknowledged: int = 0
    rows: int = 0
    lost: int = 0
    """Acknowledged, neither stored nor rejected, and not excused."""
    lost_at: list[float] = field(default_factory=list)
    """Times at which those were acknowledged."""
    excused: int = 0
    """Acknowledged and missing at times at which the broker's configuration allows a loss."""
    excused_at: list[float] = field(default_factory=list)
    """Times at which those were acknowledged."""
    twice: int = 0
    unexpected: int = 0
    """Stored or rejected and never sent, or good and rejected, or bad and stored."""
    wrong: int = 0
    rejected: int = 0
    hours: Mapping[str, int] = field(default_factory=dict)
    """Number of hours that differ from the readings, by vehicle."""
    deadlocks: int = 0
    drain_s: float | None = None
    """Seconds from the last acknowledgement to the last row; None where a row is missing."""
    scrapes: int = 0
    """Number of scrapes of the metrics."""
    memory_mib: float = 0
    """The most memory of any worker."""
    complaints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """True if the guarantee held."""
        return not self.broken()

    def add(self, other: "Outcome") -> None:
        """Add the counts, complaints and notes of values that were evaluated apart."""
        for name in ("sent", "acknowledged", "lost", "twice", "unexpected", "wrong", "complaints", "notes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def broken(self) -> list[str]:
        """Describe each violation in words."""
        counted = {
            "lost": self.lost,
            "twice": self.twice,
            "unexpected": self.unexpected,
            "with wrong values": self.wrong,
            "deadlocks": self.deadlocks,
        }
        reasons = [f"{number} {name}" for name, number in counted.items() if number]
        if self.drain_s is None:
            reasons.append("not drained in time")
        if self.hours:
            counts = ", ".join(f"{number} of {vin}" for vin, number in sorted(self.hours.items()))
            reasons.append(f"hours differ from the readings: {counts}")
        return [*reasons, *self.complaints]


def evaluate(
    journals: Sequence[Journal], found: Found, excuses: Sequence[tuple[float, float]] = ()
) -> Outcome:
    """Compare the acknowledged numbers with those found.

    `excuses` are intervals of `time.monotonic()` in which the broker may lose messages; a POST's 200 has no
    excuse.
    """
    outcome = Outcome(rows=found.rows, wrong=found.wrong, rejected=sum(found.rejected.values()))
    outcome.twice = sum(times - 1 for times in found.rejected.values())
    for journal in journals:
        outcome.sent += len(journal.sent)
        outcome.acknowledged += len(journal.acknowledged)
        stored = found.stored[journal.channel]
        outcome.twice += sum(times - 1 for times in stored.values())
        good = journal.sent - journal.bad
        outcome.unexpected += len(stored.keys() - good)
        over_mqtt = journal.channel == numbered_reading.MQTT
        if over_mqtt:
            outcome.unexpected += len(found.rejected.keys() - journal.bad)
            outcome.wrong += sum(
                found.reasons[number] != numbered_reading.poison_reason(number)
                for number in found.rejected.keys() & journal.bad
            )
        for number in found.missing(journal):
            moment = journal.acknowledged[number]
            if over_mqtt and any(begin <= moment <= end for begin, end in excuses):
                outcome.excused += 1
                outcome.excused_at.append(moment)
            else:
                outcome.lost += 1
                outcome.lost_at.append(moment)
    return outcome
