"""Broken workers, and the fault that must expose the defect of each."""

from dataclasses import dataclass

from scripts.faults.catalogue import named
from scripts.faults.fault import Fault
from scripts.faults.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Control:
    """A broken worker, caught when the fault makes it lose readings, store them twice, or deadlock."""

    name: str
    fault: Fault
    variants: tuple[str, ...]
    by_deadlock: bool = False
    by_twice: bool = False

    def is_caught(self, outcome: Outcome) -> bool:
        """Return whether the harness saw this very defect, not just any failure."""
        if self.by_twice:
            return outcome.twice > 0
        return outcome.deadlocks > 0 if self.by_deadlock else outcome.lost > 0


def _control(
    name: str, fault: str, *variants: str, by_deadlock: bool = False, by_twice: bool = False
) -> Control:
    return Control(name, named(fault)[0], variants or (name,), by_deadlock, by_twice)


CONTROLS = [
    _control("auto-ack", "worker-kill-at-commit"),
    _control("ack-before-commit", "worker-kill-at-commit"),
    _control("receipt-before-commit", "broker-kill-locked"),
    _control("no-epoch", "packet-ids-restart"),
    _control("no-resubscribe", "session-lost"),
    _control("ignores-dup", "dialect-kill", by_twice=True),
    _control("forgets-arrivals", "dialect-kill", by_twice=True),
    _control("unsorted", "two-writers", "unsorted", "unsorted-reversed", by_deadlock=True),
]
