"""Faults of processes: killed, stopped or frozen, and started again."""

import time
from collections.abc import Callable

from scripts.faults.rig import Rig

Act = Callable[[Rig], None]

# `autosave_interval 1` saves once more than a second has passed, in whole seconds: after two.
_SAVES_EVERY_S = 2.3
# A broker that saves each change still acknowledges first and saves then.
_SAVE_TAKES_S = 0.3
# The publisher may read an acknowledgement a moment after the broker's end.
_LAST_ACK_S = 0.5
_STOPS_WITHIN_S = 10.0
_GROWS_AT_MOST = 1.1


def nothing(rig: Rig) -> None:
    """Break nothing: the harness itself must not lose a reading."""
    rig.hold(2)


def worker_kill(rig: Rig) -> None:
    for _ in range(3):
        rig.pause()
        rig.worker.kill()
        rig.worker.start()


def worker_kill_at_commit(rig: Rig) -> None:
    """Kill the worker while its transaction waits: messages are received, not committed."""
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
    """Stop the worker by SIGTERM under load: a clean end in time, and next to no redelivery."""
    for _ in range(2):
        rig.pause()
        began = time.monotonic()
        code = rig.worker.stop()
        took = time.monotonic() - began
        if code != 0 or took > _STOPS_WITHIN_S:
            rig.complaints.append(f"SIGTERM: exit code {code} after {took:.1f} s")
        rig.worker.start()


def group_member_kill(rig: Rig) -> None:
    """Kill one of two workers that divide the messages, for a while."""
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
    """Stop the broker in order, once with the worker connected and once without."""
    rig.pause()
    rig.restart_broker(rig.broker.stop)
    rig.pause()
    rig.worker.kill()
    rig.pause()
    rig.restart_broker(rig.broker.stop)
    rig.worker.start()


def broker_kill_durable(rig: Rig) -> None:
    """Kill a broker that saves each change, once with the worker connected, then twice without."""
    rig.pause()
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVE_TAKES_S))
    rig.pause()
    rig.worker.kill()
    for _ in range(2):
        rig.pause()
        rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVE_TAKES_S))
    rig.worker.start()


def broker_kill(rig: Rig) -> None:
    """Kill the broker, once with the worker connected, once without: it loses what it has not saved."""
    # The broker must have saved the worker's session once.
    time.sleep(_SAVES_EVERY_S + rig.random.uniform(0, 2))
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVES_EVERY_S))
    rig.worker.kill()
    time.sleep(rig.random.uniform(0.5, 2.5))
    rig.restart_broker(lambda: _kill_saving_broker(rig, _SAVES_EVERY_S))
    rig.worker.start()


def broker_kill_with_receipts(rig: Rig) -> None:
    """Kill the broker at any moment, also before its first save, with the worker connected and without."""
    rig.pause()
    rig.restart_broker(rig.broker.kill)
    rig.pause(0.5, 2.5)
    rig.worker.kill()
    rig.pause(0.5, 2.5)
    rig.restart_broker(rig.broker.kill)
    rig.worker.start()


def broker_kill_while_locked(rig: Rig) -> None:
    """Kill the broker while the worker waits for the database with messages in hand."""
    rig.pause()
    with rig.site.locked():
        rig.pause()
        rig.restart_broker(rig.broker.kill)
        rig.pause()
        rig.worker.kill()
        rig.restart_broker(rig.broker.kill)
    rig.worker.start()


def all_killed(rig: Rig) -> None:
    """Kill worker, database and broker with kill -9, in random order, twice."""
    for _ in range(2):
        _strike_all(rig, rig.broker.kill)


def endurance(number: int) -> Act:
    """Send very many readings; the worker's memory after a tenth of them must not grow."""

    def act(rig: Rig) -> None:
        publisher, monitor = rig.publisher, rig.monitor
        if publisher is None or monitor is None:
            raise ValueError("endurance needs load and a monitor")
        total = int(number * rig.scale)
        while publisher.sent < total // 10:
            time.sleep(0.05)
        early = monitor.last[rig.worker.base_url].memory_mib
        while publisher.sent < total:
            time.sleep(0.05)
        late = monitor.last[rig.worker.base_url].memory_mib
        rig.notes.append(f"worker {early:.1f} MiB after {total // 10:,}, {late:.1f} MiB after {total:,}")
        if late > early * _GROWS_AT_MOST:
            rig.complaints.append("the worker's memory grew")

    return act


def _kill_saving_broker(rig: Rig, saved_before_s: float) -> None:
    killed_at = time.monotonic()
    rig.broker.kill()
    time.sleep(_LAST_ACK_S)
    rig.excuse(killed_at - saved_before_s, time.monotonic())


def all_mixed(rig: Rig) -> None:
    """Kill worker and database, and stop the broker, in random order."""
    _strike_all(rig, rig.broker.stop)


def _strike_all(rig: Rig, end_broker: Callable[[], object]) -> None:
    """Kill worker and database with kill -9 and call `end_broker`, one after the other in random order."""
    victims = [rig.worker.kill, rig.site.postgres.kill, end_broker]
    rig.random.shuffle(victims)
    for strike in victims:
        rig.pause()
        strike()
        for server in (rig.site.postgres, rig.broker, rig.worker):
            server.start()
