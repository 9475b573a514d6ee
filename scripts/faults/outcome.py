"""What became of the readings of one run, and whether the guarantee held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.faults import numbered_reading
from scripts.faults.inspection import Found
from scripts.faults.journal import Journal


@dataclass(slots=True)
class Outcome:
    """One line of the table; all in readings but `drain_s`."""

    sent: int = 0
    acknowledged: int = 0
    rows: int = 0
    lost: int = 0
    """Acknowledged, neither stored nor rejected, and nobody said that this might be."""
    lost_at: list[float] = field(default_factory=list)
    """When those were acknowledged."""
    excused: int = 0
    """The same, where the broker's configuration allows it to lose them."""
    excused_at: list[float] = field(default_factory=list)
    """When those were acknowledged."""
    twice: int = 0
    unexpected: int = 0
    """Stored or rejected and never sent, or good and rejected, or bad and stored."""
    wrong: int = 0
    rejected: int = 0
    hours: Mapping[str, int] = field(default_factory=dict)
    """How many hours differ from the readings, by vehicle."""
    deadlocks: int = 0
    drain_s: float | None = None
    """From the last acknowledgement to the last row; None where it never came."""
    looks: int = 0
    """At the metrics, each of which added up if nothing is said."""
    memory_mib: float = 0
    """The most that a worker had."""
    complaints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether the guarantee held."""
        return not self.broken()

    def broken(self) -> list[str]:
        """What did not hold, in words."""
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
            told = ", ".join(f"{number} of {vin}" for vin, number in sorted(self.hours.items()))
            reasons.append(f"hours differ from the readings: {told}")
        return [*reasons, *self.complaints]


def judge(journals: Sequence[Journal], found: Found, excuses: Sequence[tuple[float, float]] = ()) -> Outcome:
    """Compare what was acknowledged with what was found. `excuses` are times of the broker's only."""
    outcome = Outcome(rows=found.rows, wrong=found.wrong, rejected=sum(found.rejected.values()))
    outcome.twice = sum(more - 1 for more in found.rejected.values())
    for journal in journals:
        outcome.sent += len(journal.sent)
        outcome.acknowledged += len(journal.acknowledged)
        stored = found.stored[journal.door]
        outcome.twice += sum(more - 1 for more in stored.values())
        good = journal.sent - journal.bad
        outcome.unexpected += len(stored.keys() - good)
        through_broker = journal.door == numbered_reading.MQTT
        if through_broker:
            outcome.unexpected += len(found.rejected.keys() - journal.bad)
            outcome.wrong += sum(
                found.reasons[number] != numbered_reading.poison_reason(number)
                for number in found.rejected.keys() & journal.bad
            )
        for number in found.missing(journal):
            moment = journal.acknowledged[number]
            if through_broker and any(begin <= moment <= end for begin, end in excuses):
                outcome.excused += 1
                outcome.excused_at.append(moment)
            else:
                outcome.lost += 1
                outcome.lost_at.append(moment)
    return outcome
