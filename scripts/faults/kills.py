"""Processes that are killed, ended or frozen, and started again."""

import time
from collections.abc import Callable

from scripts.faults.rig import Rig

Act = Callable[[Rig], None]

# `autosave_interval 1` waits until more than a second has passed, in whole seconds: that is two.
_SAVES_EVERY_S = 2.3
# Where it saves each change, it still acknowledges first and saves then.
_SAVE_TAKES_S = 0.3
# The publisher may read an acknowledgement a moment after its sender's end.
_LAST_ACK_S = 0.5
_STOPS_WITHIN_S = 10.0
_GROWS_AT_MOST = 1.1


def nothing(rig: Rig) -> None:
    """No fault at all: the harness itself must not lose anything."""
    rig.hold(2)


def worker_kill(rig: Rig) -> None:
    for _ in range(3):
        rig.pause()
        rig.worker.kill()
        rig.worker.start()


def worker_kill_at_commit(rig: Rig) -> None:
    """Killed while its transaction waits: received, not committed."""
    rig.pause()
    with rig.site.locked():
        time.sleep(rig.random.uniform(0.6, 0.9))
        rig.worker.kill()
    rig.worker.start()


def worker_stop(seconds: float) -> Act:
    def act(rig: Rig) -> None:
        rig.pause()
        rig.worker.freeze()
        rig.hold(seconds)
        rig.worker.resume()

    return act


def worker_term(rig: Rig) -> None:
    """SIGTERM under load: a clean end in time, and next to nothing comes twice."""
    for _ in range(2):
        rig.pause()
        began = time.monotonic()
        code = rig.worker.stop()
        took = time.monotonic() - began
        if code != 0 or took > _STOPS_WITHIN_S:
            rig.complaints.append(f"SIGTERM: exit code {code} after {took:.1f} s")
        rig.worker.start()


def group_member_kill(rig: Rig) -> None:
    """One of two workers that divide the messages is away for a while."""
    rig.pause()
    victim = rig.random.choice(rig.workers)
    victim.kill()
    rig.pause(1, 2)
    victim.start()


def postgres_kill(rig: Rig) -> None:
    for _ in range(2):
        rig.pause()
        rig.site.postgres.kill()
        rig.site.postgres.start()


def postgres_down(seconds: float) -> Act:
    def act(rig: Rig) -> None:
        rig.pause()
        rig.site.postgres.stop()
        rig.hold(seconds)
        rig.site.postgres.start()

    return act


def broker_term(rig: Rig) -> None:
    """Ended in good order, once with the worker there and once without."""
    rig.pause()
    rig.restart_broker(rig.broker.stop)
    rig.pause()
    rig.worker.kill()
    rig.pause()
    rig.restart_broker(rig.broker.stop)
    rig.worker.start()


def broker_kill_durable(rig: Rig) -> None:
    """Killed once with the worker there, then twice without, while it saves each change."""
    rig.pause()
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVE_TAKES_S))
    rig.pause()
    rig.worker.kill()
    for _ in range(2):
        rig.pause()
        rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVE_TAKES_S))
    rig.worker.start()


def broker_kill(rig: Rig) -> None:
    """Killed once with the worker there, once without; gone may be what came since the last save."""
    # The worker's session itself must have been saved once.
    time.sleep(_SAVES_EVERY_S + rig.random.uniform(0, 2))
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVES_EVERY_S))
    rig.worker.kill()
    time.sleep(rig.random.uniform(0.5, 2.5))
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVES_EVERY_S))
    rig.worker.start()


def broker_kill_with_receipts(rig: Rig) -> None:
    """Killed at any moment, also before it has saved anything, once with the worker there, once without."""
    rig.pause()
    rig.restart_broker(rig.broker.kill)
    rig.pause(0.5, 2.5)
    rig.worker.kill()
    rig.pause(0.5, 2.5)
    rig.restart_broker(rig.broker.kill)
    rig.worker.start()


def broker_kill_while_locked(rig: Rig) -> None:
    """Killed while the worker waits for the database with what it has taken over."""
    rig.pause()
    with rig.site.locked():
        rig.pause()
        rig.restart_broker(rig.broker.kill)
        rig.pause()
        rig.worker.kill()
        rig.restart_broker(rig.broker.kill)
    rig.worker.start()


def all_killed(rig: Rig) -> None:
    """Worker, database and broker, each with kill -9, in random order, twice."""
    for _ in range(2):
        _strike_all(rig, rig.broker.kill)


def endurance(number: int) -> Act:
    """Nothing but very many readings; what the worker has in memory after a tenth is what it keeps."""

    def act(rig: Rig) -> None:
        publisher, witness = rig.publisher, rig.witness
        if publisher is None or witness is None:
            raise ValueError("endurance needs load and a witness")
        wanted = int(number * rig.scale)
        while publisher.sent < wanted // 10:
            time.sleep(0.05)
        early = witness.last[rig.worker.metrics_url].memory_mib
        while publisher.sent < wanted:
            time.sleep(0.05)
        late = witness.last[rig.worker.metrics_url].memory_mib
        rig.notes.append(f"worker {early:.1f} MiB after {wanted // 10:,}, {late:.1f} MiB after {wanted:,}")
        if late > early * _GROWS_AT_MOST:
            rig.complaints.append("the worker's memory grew")

    return act


def _kill_saving_broker(rig: Rig, saved_before_s: float) -> None:
    killed_at = time.monotonic()
    rig.broker.kill()
    time.sleep(_LAST_ACK_S)
    rig.excuse(killed_at - saved_before_s, time.monotonic())


def all_mixed(rig: Rig) -> None:
    """Worker and database killed, broker ended, in random order."""
    _strike_all(rig, rig.broker.stop)


def _strike_all(rig: Rig, end_broker: Callable[[], object]) -> None:
    """Worker and database with kill -9 and the broker as told, one after the other in random order."""
    victims = [rig.worker.kill, rig.site.postgres.kill, end_broker]
    rig.random.shuffle(victims)
    for strike in victims:
        rig.pause()
        strike()
        for server in (rig.site.postgres, rig.broker, rig.worker):
            server.start()
