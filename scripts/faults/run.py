"""One fault, once: load, break, heal, drain, read, judge."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.faults import inspection
from scripts.faults.fault import Fault
from scripts.faults.outcome import Outcome, judge
from scripts.faults.rig import Rig
from scripts.faults.site import Site

_FIRST_ROW_WITHIN_S = 15.0
_QUIET_S = 2.0


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
    rate = min(form.rate, fault.at_most)
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
        _end_workers(rig)
        outcome = judge(rig.journals, inspection.read(site), rig.excuses)
        outcome.drain_s = drain_s
        outcome.deadlocks = rig.count_in_logs("40P01")
        outcome.complaints += rig.complaints
        outcome.notes += [*rig.notes, *_near_ends(outcome, rig)]
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
    known = -1
    while time.monotonic() - began < within:
        # Cheap first: both tables are read whole only after a change.
        if (now := inspection.count(rig.site)) != known:
            known, changed = now, time.monotonic()
            found = inspection.read(rig.site)
            if not any(found.missing(journal) for journal in rig.journals):
                return changed - began
        if rig.last_number in found.stored["MQTT"] and time.monotonic() - changed > _QUIET_S:
            return changed - began
        time.sleep(0.1)
    return None


def _end_workers(rig: Rig) -> None:
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
        if accounts and accounts[-1].duplicate:
            rig.notes.append(f"{accounts[-1].duplicate} redelivered")
