"""Broken workers, and the fault that must expose the defect of each."""

from dataclasses import dataclass

from scripts.faults.catalogue import named
from scripts.faults.fault import Fault
from scripts.faults.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Control:
    """A broken worker, caught when the fault makes it lose readings, or deadlock."""

    name: str
    fault: Fault
    variants: tuple[str, ...]
    by_deadlock: bool = False

    def is_caught(self, outcome: Outcome) -> bool:
        """Return whether the harness saw this very defect, not just any failure."""
        return outcome.deadlocks > 0 if self.by_deadlock else outcome.lost > 0


def _control(name: str, fault: str, *variants: str, by_deadlock: bool = False) -> Control:
    return Control(name, named(fault)[0], variants or (name,), by_deadlock)


CONTROLS = [
    _control("auto-ack", "worker-kill-at-commit"),
    _control("ack-before-commit", "worker-kill-at-commit"),
    _control("receipt-before-commit", "broker-kill-locked"),
    _control("no-epoch", "packet-ids-restart"),
    _control("no-resubscribe", "session-lost"),
    _control("unsorted", "two-writers", "unsorted", "unsorted-reversed", by_deadlock=True),
]
