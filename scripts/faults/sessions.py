"""A broker that forgets its sessions, and workers that write the same readings."""

import threading
import time

from scripts.faults.rig import Rig

_STUCK_WITHIN_S = 15.0
_LOCK = "BEGIN; LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"


def session_lost(rig: Rig) -> None:
    """Nothing is saved: gone is what it held, and what came before the worker had subscribed again."""
    rig.pause(1, 3)
    killed_at = time.monotonic()
    publisher = rig.publisher or rig.start_load()
    # What is on its way is sent again, perhaps before the worker has subscribed; nothing new until then.
    publisher.hush()
    rig.restart_broker(rig.broker.kill)
    publisher.rest()
    rig.excuse(killed_at - 1, time.monotonic())
    publisher.go_on()
    rig.pause()


def packet_ids_restart(rig: Rig) -> None:
    """A broker without a memory restarts while a batch waits for a lock; then the worker is killed.

    The waiting batch holds the first packet ids of the old session. New messages get the same ids. The
    batch is committed at last; the new messages, behind a second lock, are not, when the worker dies.
    Were the old ids acknowledged on the new connection, the new messages would be gone.
    """
    site, worker = rig.site, rig.worker
    name = worker.env["MQTT_CLIENT_ID"]
    with site.connect() as first, site.connect() as second:
        first.execute(_LOCK)
        began = time.monotonic()
        publisher = rig.start_load()
        stuck = site.waits_for_lock(name, _STUCK_WITHIN_S)
        # The first new message must come after the worker has subscribed: it is not excused.
        publisher.rest()
        rig.restart_broker(rig.broker.kill)
        # Until here all may be lost: the worker, which holds it, will be killed.
        rig.excuse(began, time.monotonic())
        publisher.go_on()
        time.sleep(1)
        stuck = stuck and site.waits_for_lock(name, _STUCK_WITHIN_S)
        # Queues up behind the worker's insert and so gets the table right after its commit.
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
    """Two workers that both receive everything are held up, then let go together."""
    for _ in range(2):
        rig.pause(0.1, 0.3)
        with rig.site.locked():
            time.sleep(0.8)  # much waits ...
        with rig.site.locked():
            time.sleep(0.5)  # ... and now stands in one statement of each
