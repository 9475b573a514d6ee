"""One fault, once: load, break, heal, drain, read, judge."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.faults import inspection
from scripts.faults.confirming_publisher import ConfirmingPublisher
from scripts.faults.fault import Fault
from scripts.faults.outcome import Outcome, judge
from scripts.faults.rig import Rig
from scripts.faults.site import Site

_FIRST_ROW_WITHIN_S = 15.0
_QUIET_S = 2.0
_AT_REST_WITHIN_S = 10.0
_LEAST_LOOKS = 10


@dataclass(frozen=True)
class Form:
    """How hard and how long. `scale` multiplies how long states last."""

    rate: float = 500.0
    seconds: float = 6.0
    scale: float = 1.0
    drain_within_s: float = 60.0
    back_within_s: float = 30.0


def run(site: Site, fault: Fault, form: Form, *, seed: int, variants: tuple[str, ...] = ()) -> Outcome:
    """Try one fault. Raises LaunchError when a server does not start, SkippedError if it can't be tried."""
    first = site.empty()
    rate = max(min(form.rate, fault.at_most), fault.at_least)
    wiring = fault.wiring(variants)
    folder = Path(tempfile.mkdtemp(prefix=f"{fault.name}-", dir=site.folder))
    folder.chmod(0o755)
    with Rig(site, folder, wiring, seed=seed, rate=rate, scale=form.scale, first=first) as rig:
        rig.back_within = form.back_within_s
        began = time.monotonic()
        if not fault.starts_load:
            rig.start_load()
            _await_first_row(rig)
        fault.act(rig)
        time.sleep(max(0.5, began + form.seconds - time.monotonic()))
        rig.finish_load()
        drain_s = _drain(rig, form.drain_within_s)
        _hear_witness(rig)
        _end_workers(rig, fault.redelivers_at_most)
        outcome = judge(rig.journals, inspection.read(site), rig.excuses)
        outcome.hours = inspection.differing_hours(site)
        outcome.drain_s = drain_s
        outcome.deadlocks = rig.count_in_logs("40P01")
        outcome.complaints += rig.complaints
        outcome.notes += [*rig.notes, *_near_ends(outcome, rig)]
        outcome.looks = rig.witness.looks if rig.witness is not None else 0
        outcome.memory_mib = rig.most_memory_mib
        if isinstance(rig.publisher, ConfirmingPublisher) and rig.publisher.unconfirmed:
            outcome.complaints.append(f"{rig.publisher.unconfirmed} without a receipt")
        slowest = rig.poster.slowest_s if rig.poster is not None else 0
        if slowest > fault.answers_within_s:
            outcome.complaints.append(f"a POST took {slowest:.1f} s")
        if outcome.excused > fault.broker_loses_at_most:
            outcome.complaints.append(f"the broker lost {outcome.excused}, more than it may")
        if fault.leaves_trace and not rig.count_in_logs(fault.leaves_trace):
            outcome.complaints.append(f"the fault did not happen: no {fault.leaves_trace} in a worker's log")
        return outcome


def _near_ends(outcome: Outcome, rig: Rig) -> Iterator[str]:
    """How long before or after the broker's nearest end those that are missing were acknowledged."""
    if not rig.broker_ends:
        return
    for told, moments in (("lost", outcome.lost_at), ("by broker", outcome.excused_at)):
        distances = [min((moment - end for end in rig.broker_ends), key=abs) for moment in moments]
        if distances:
            yield f"{told}: {min(distances):+.2f} to {max(distances):+.2f} s from its end"


def _await_first_row(rig: Rig) -> None:
    deadline = time.monotonic() + _FIRST_ROW_WITHIN_S
    while not inspection.count(rig.site):
        if time.monotonic() > deadline:
            rig.complaints.append("no reading was stored before the fault")
            return
        time.sleep(0.05)


def _drain(rig: Rig, within: float) -> float | None:
    """Wait until all that was acknowledged is accounted for. Returns the seconds it took, None for never.

    Where something is missing: until the last message is there, behind which the broker has no other,
    and nothing has changed for a while.
    """
    began = changed = time.monotonic()
    known, found = -1, None
    acknowledged = sum(len(journal.acknowledged) for journal in rig.journals)
    while time.monotonic() - began < within:
        # Cheap first: both tables are read whole only after a change, and not before there can be enough.
        if (now := inspection.count(rig.site)) != known:
            known, changed = now, time.monotonic()
            found = None
        is_quiet = time.monotonic() - changed > _QUIET_S
        if found is None and (known >= acknowledged or is_quiet):
            found = inspection.read(rig.site)
            if not any(found.missing(journal) for journal in rig.journals):
                return changed - began
        if found is not None and is_quiet and rig.last_number in found.stored["MQTT"]:
            return changed - began
        time.sleep(0.1)
    return None


def _hear_witness(rig: Rig) -> None:
    """Every look must have added up, and nothing may be in flight once all has been drained."""
    witness = rig.witness
    if witness is None:
        return
    witness.finish()
    deadline = time.monotonic() + _AT_REST_WITHIN_S
    while True:
        witness.look()
        in_flight = sum(look.readings["in_flight"] for look in witness.last.values())
        if not in_flight or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if in_flight:
        rig.complaints.append(f"{in_flight} readings in flight for ever")
    if witness.wrong:
        rig.complaints.append(f"{len(witness.wrong)} looks did not add up: {witness.wrong[0]}")
    if witness.looks < _LEAST_LOOKS:
        rig.complaints.append(f"only {witness.looks} looks at the metrics")


def _end_workers(rig: Rig, redelivers_at_most: float) -> None:
    """End them in good order; each must have counted every reading that it received."""
    for worker in rig.workers:
        if not worker.alive:
            rig.complaints.append(f"the worker had ended (exit code {worker.returncode})")
            continue
        if (code := worker.stop()) != 0:
            rig.complaints.append(f"the worker ended with exit code {code}")
        accounts = worker.accounts()
        if not accounts:
            rig.complaints.append("the worker gave no account of its readings")
        for account in accounts:
            if not account.adds_up:
                rig.complaints.append(f"the worker's account does not add up: {account}")
        redelivered = [account.duplicate for account in accounts]
        if any(redelivered):
            rig.notes.append(f"{sum(redelivered)} redelivered")
        if max(redelivered, default=0) > redelivers_at_most:
            rig.complaints.append(f"{max(redelivered)} redelivered, more than one batch")
