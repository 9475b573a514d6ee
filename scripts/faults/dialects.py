"""The fault of three dialects at once, and the evaluation of the values that have no time of their own."""

import time

from scripts.faults.dialect_publisher import DialectPublisher
from scripts.faults.dialect_values import OVMS, TESLAMATE, Device, Stored, classify
from scripts.faults.kills import worker_kill, worker_kill_at_commit
from scripts.faults.links import CommitWatch, required
from scripts.faults.outcome import Outcome
from scripts.faults.rig import Rig
from shared.wire.reading import SIGNALS

_KILLS_AFTER_COMMIT = 4
_COMMIT_WITHIN_S = 15.0
# PostgreSQL commits what it has received, also without a client.
_COMMIT_TAKES_S = 0.3
_RECOGNISED_WITHIN_S = 3.0
_VALUES_WITHIN_S = 15.0
_ROWS = f"SELECT vin, {', '.join(SIGNALS)} FROM telemetry WHERE vin LIKE %s"  # noqa: S608 - our own columns


def dialect_kill(rig: Rig) -> None:
    """Kill the worker at any moment, in a transaction, and between COMMIT and PUBACK."""
    worker_kill(rig)
    worker_kill_at_commit(rig)
    recognised = sum(_kill_after_commit(rig) for _ in range(_KILLS_AFTER_COMMIT))
    rig.notes.append(f"{recognised} values recognised by DUP")
    # Values of QoS 0 arrive only while no kill interrupts them.
    rig.pause(1, 2)
    if not recognised:
        rig.complaints.append("the fault did not happen: no value came again after its commit")


def _kill_after_commit(rig: Rig) -> int:
    """Kill the worker before it knows of its commit; return the messages that its successor recognises."""
    rig.pause()
    link, watch = required(rig.database_proxy), CommitWatch(on_commit=rig.worker.freeze)
    link.watch = watch
    deadline = time.monotonic() + _COMMIT_WITHIN_S
    while not watch.has_cut and time.monotonic() < deadline:
        time.sleep(0.01)
    link.watch = None
    if not watch.has_cut:
        rig.complaints.append("the worker has not committed")
    time.sleep(_COMMIT_TAKES_S)
    rig.worker.kill()
    rig.worker.start()
    deadline = time.monotonic() + _RECOGNISED_WITHIN_S * rig.scale
    while not (found := rig.worker.recognised(TESLAMATE.source)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def evaluate_values(rig: Rig, publisher: DialectPublisher, outcome: Outcome) -> None:
    """Add the values without a time to the outcome, once all that were acknowledged are stored.

    TeslaMate's are stored once each. Those of OVMS, at QoS 0, may be missing. Rows with values of two moments
    of a car are noted: where the worker stood still, both moments arrived within the time in which values are
    joined, the first one in part.
    """
    deadline = time.monotonic() + _VALUES_WITHIN_S
    while True:
        mate, ovms = (_read(rig, device) for device in (TESLAMATE, OVMS))
        missing = publisher.acknowledged_values - mate.values.keys()
        if not missing or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    outcome.sent += sum(map(len, publisher.sent_values.values()))
    outcome.acknowledged += len(publisher.acknowledged_values)
    outcome.lost += len(missing)
    for device, stored in ((TESLAMATE, mate), (OVMS, ovms)):
        outcome.twice += stored.twice
        outcome.wrong += stored.wrong
        outcome.unexpected += len(stored.values.keys() - publisher.sent_values[device.source])
    sent = len(publisher.sent_values[OVMS.source])
    outcome.notes.append(
        f"{TESLAMATE.source}: {len(publisher.acknowledged_values)} values, {len(missing)} lost,"
        f" {mate.twice} twice; {OVMS.source}: {len(ovms.values)} of {sent} values, {ovms.twice} twice,"
        f" {ovms.mixed} rows of two moments"
    )
    if not ovms.values:
        outcome.complaints.append(f"no value of {OVMS.source} was stored")


def _read(rig: Rig, device: Device) -> Stored:
    return classify(device, rig.site.query(_ROWS, (f"{device.vin}-%",)))
