"""A run of one fault: load, break, heal, drain, read, evaluate."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.faults import inspection
from scripts.faults.confirming_publisher import ConfirmingPublisher
from scripts.faults.dialect_publisher import DialectPublisher
from scripts.faults.dialects import evaluate_values
from scripts.faults.fault import Fault
from scripts.faults.outcome import Outcome, evaluate
from scripts.faults.rig import Rig
from scripts.faults.site import Site

_FIRST_ROW_WITHIN_S = 15.0
_QUIET_S = 2.0
_AT_REST_WITHIN_S = 10.0
_LEAST_SCRAPES = 10


@dataclass(frozen=True)
class RunParameters:
    """The intensity and length of a run. `scale` multiplies how long states last."""

    rate: float = 500.0
    seconds: float = 6.0
    scale: float = 1.0
    drain_within_s: float = 60.0
    back_within_s: float = 30.0


def run(
    site: Site, fault: Fault, parameters: RunParameters, *, seed: int, variants: tuple[str, ...] = ()
) -> Outcome:
    """Try one fault. Raises LaunchError when a server does not start, SkippedError if it can't be tried."""
    first = site.empty()
    rate = max(min(parameters.rate, fault.at_most), fault.at_least)
    wiring = fault.wiring(variants)
    folder = Path(tempfile.mkdtemp(prefix=f"{fault.name}-", dir=site.folder))
    folder.chmod(0o755)
    with Rig(site, folder, wiring, seed=seed, rate=rate, scale=parameters.scale, first=first) as rig:
        rig.back_within = parameters.back_within_s
        began = time.monotonic()
        if not fault.starts_load:
            rig.start_load()
            _await_first_row(rig)
        fault.act(rig)
        time.sleep(max(0.5, began + parameters.seconds - time.monotonic()))
        rig.finish_load()
        drain_s = _drain(rig, parameters.drain_within_s)
        values = Outcome()
        if isinstance(rig.publisher, DialectPublisher):
            evaluate_values(rig, rig.publisher, values)
        _check_metrics(rig)
        _end_workers(rig, fault.redelivers_at_most)
        outcome = evaluate(rig.journals, inspection.read(site), rig.excuses)
        outcome.add(values)
        outcome.hours = inspection.differing_hours(site)
        outcome.drain_s = drain_s
        outcome.deadlocks = rig.count_in_logs("40P01")
        outcome.complaints += rig.complaints
        outcome.notes += [*rig.notes, *_near_ends(outcome, rig)]
        outcome.scrapes = rig.monitor.scrapes if rig.monitor is not None else 0
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
    """Describe how long before or after the broker's nearest end the missing readings were acknowledged."""
    if not rig.broker_ends:
        return
    for kind, moments in (("lost", outcome.lost_at), ("by broker", outcome.excused_at)):
        distances = [min((moment - end for end in rig.broker_ends), key=abs) for moment in moments]
        if distances:
            yield f"{kind}: {min(distances):+.2f} to {max(distances):+.2f} s from its end"


def _await_first_row(rig: Rig) -> None:
    deadline = time.monotonic() + _FIRST_ROW_WITHIN_S
    while not inspection.count(rig.site):
        if time.monotonic() > deadline:
            rig.complaints.append("no reading was stored before the fault")
            return
        time.sleep(0.05)


def _drain(rig: Rig, within: float) -> float | None:
    """Wait until all that was acknowledged is accounted for; returns the seconds, None at the timeout.

    Where something is missing, wait until the last message is stored, behind which the broker has no other,
    and until two seconds have brought no change.
    """
    began = changed = time.monotonic()
    known, found = -1, None
    acknowledged = sum(len(journal.acknowledged) for journal in rig.journals)
    while time.monotonic() - began < within:
        # The cheap count first: both tables are read completely after a change only, and when rows suffice.
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


def _check_metrics(rig: Rig) -> None:
    """Check that every scrape added up, and that no reading stays in flight after the drain."""
    monitor = rig.monitor
    if monitor is None:
        return
    monitor.finish()
    deadline = time.monotonic() + _AT_REST_WITHIN_S
    while True:
        monitor.scrape()
        in_flight = sum(scrape.readings["in_flight"] for scrape in monitor.last.values())
        if not in_flight or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if in_flight:
        rig.complaints.append(f"{in_flight} readings in flight for ever")
    if wrong := monitor.inconsistencies:
        rig.complaints.append(f"{len(wrong)} scrapes did not add up: {wrong[0]}")
    if monitor.scrapes < _LEAST_SCRAPES:
        rig.complaints.append(f"only {monitor.scrapes} scrapes of the metrics")


def _end_workers(rig: Rig, redelivers_at_most: float) -> None:
    """Stop the workers in order; each must have counted every reading that it received."""
    for worker in rig.workers:
        if not worker.alive:
            rig.complaints.append(f"the worker had ended (exit code {worker.returncode})")
            continue
        if (code := worker.stop()) != 0:
            rig.complaints.append(f"the worker ended with exit code {code}")
        totals = worker.totals()
        if not totals:
            rig.complaints.append("the worker logged no totals of its readings")
        for each in totals:
            if not each.adds_up:
                rig.complaints.append(f"the worker's totals do not add up: {each}")
        redelivered = [each.duplicate for each in totals]
        if any(redelivered):
            rig.notes.append(f"{sum(redelivered)} redelivered")
        if max(redelivered, default=0) > redelivers_at_most:
            rig.complaints.append(f"{max(redelivered)} redelivered, more than one batch")
