"""Faults of sessions: a broker that loses them, and workers that write the same readings."""

import threading
import time

from scripts.faults.rig import Rig

_STUCK_WITHIN_S = 15.0
_LOCK = "BEGIN; LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"


def session_lost(rig: Rig) -> None:
    """Kill a broker that saves nothing.

    Lost are the messages it held, and those that came before the worker had subscribed again.
    """
    rig.pause(1, 3)
    killed_at = time.monotonic()
    publisher = rig.publisher or rig.start_load()
    # paho sends messages in flight again, perhaps before the worker has subscribed; no new ones until then.
    publisher.pause_sending()
    rig.restart_broker(rig.broker.kill)
    publisher.pause_and_drain()
    rig.excuse(killed_at - 1, time.monotonic())
    publisher.resume_sending()
    rig.pause()


def packet_ids_restart(rig: Rig) -> None:
    """Restart a broker without persistence while a batch waits for a lock; then kill the worker.

    The waiting batch holds the first packet ids of the old session. New messages get the same ids. The batch
    is committed at last; the new messages, behind a second lock, are not, when the worker dies. Were the old
    ids acknowledged on the new connection, the new messages would be lost.
    """
    site, worker = rig.site, rig.worker
    name = worker.env["MQTT_CLIENT_ID"]
    with site.connect() as first, site.connect() as second:
        first.execute(_LOCK)
        began = time.monotonic()
        publisher = rig.start_load()
        stuck = site.waits_for_lock(name, _STUCK_WITHIN_S)
        # The first new message must come after the worker has subscribed: its loss is not excused.
        publisher.pause_and_drain()
        rig.restart_broker(rig.broker.kill)
        # Until here everything may be lost: the worker, which holds it, will be killed.
        rig.excuse(began, time.monotonic())
        publisher.resume_sending()
        time.sleep(1)
        stuck = stuck and site.waits_for_lock(name, _STUCK_WITHIN_S)
        # This lock queues behind the worker's insert and so is granted right after its commit.
        second.execute("SET lock_timeout = '20s'")
        queueing = threading.Thread(target=second.execute, args=(_LOCK,))
        queueing.start()
        stuck = site.waits_for_lock(site.name, _STUCK_WITHIN_S) and stuck
        first.rollback()
        queueing.join()
        time.sleep(0.5)
        worker.kill()
        second.rollback()
    worker.start()
    if not stuck:
        rig.complaints.append("the worker was never seen waiting for the lock")


def two_writers(rig: Rig) -> None:
    """Hold up two workers that both receive everything, then release them together."""
    for _ in range(2):
        rig.pause(0.1, 0.3)
        with rig.site.locked():
            time.sleep(0.8)  # messages are queued ...
        with rig.site.locked():
            time.sleep(0.5)  # ... and now are in one statement of each worker
