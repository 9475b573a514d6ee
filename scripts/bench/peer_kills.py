"""Benchmark of peers that are killed: readings lost and stored twice, while consumers and PostgreSQL die."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from scripts.bench import peer_table, publisher
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.peer import EVERY_PEER, Peer
from scripts.bench.peer_programs.peer_arguments import TABLE
from scripts.bench.peer_run import installed, running_peer
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers
from scripts.launcher.broker import Broker
from scripts.launcher.process import Process

_A_SECOND = 2_000
# Moments of each kill, as parts of the time that the publication takes.
_CONSUMER_KILLS = (0.25, 0.5, 0.75)
_POSTGRES_KILL = 0.6
_TICK_S = 0.2
# A consumer that has nothing left may still be given messages that it had stored before it was killed.
_SETTLES_S = 5.0
# Reconnections of the peers wait 5 s at the most, and Pathway takes 4 s to start.
_GIVES_UP_AFTER_S = 30.0


def compare_kills(
    workbench: Workbench,
    peers: Sequence[Peer] = EVERY_PEER,
    *,
    gives_up_after_s: float = _GIVES_UP_AFTER_S,
) -> None:
    """Compare the readings that are stored once, with three kills of the consumer and one of PostgreSQL.

    `gives_up_after_s` is the time without a new row after which a missing reading counts as lost.
    """
    readings = max(1, workbench.messages // 5)
    load = lone_readings(readings, vehicles=workbench.vehicles)
    found, missing = installed(peers)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        trial = _Trial(workbench, place, load, gives_up_after_s)
        alternatives: dict[str, Callable[[], float]] = {"one worker": partial(_ours, trial)}
        for peer, python in found.items():
            alternatives[peer.name] = partial(_peer, trial, peer, python)
        workbench.compare(
            f"readings with exactly one row, of {readings:,} at {_A_SECOND:,} a second; the consumer is "
            f"killed {len(_CONSUMER_KILLS)} times and PostgreSQL once",
            "readings",
            alternatives,
            notes=missing,
        )


PEER_KILLS = Benchmark(
    "peer-kills",
    "readings that peers and we lose or store twice, under kill -9 of the consumer and of PostgreSQL",
    compare_kills,
    only_by_name=True,
)


class _Trial(NamedTuple):
    """The same for each alternative: database, load, and the time without a new row that ends it."""

    workbench: Workbench
    place: Database
    load: Load
    gives_up_after_s: float


class _Consumer(NamedTuple):
    """A consumer, its broker, and the table into which it writes."""

    broker: Broker
    process: Process
    table: str


def _ours(trial: _Trial) -> float:
    with running_workers(trial.workbench, trial.place) as group:
        return _stored_once(trial, _Consumer(group.broker, group.workers[0], "telemetry"))


def _peer(trial: _Trial, peer: Peer, python: Path) -> float:
    with running_peer(trial.workbench, trial.place, peer, python) as sink:
        return _stored_once(trial, _Consumer(sink.broker, sink.process, TABLE))


def _stored_once(trial: _Trial, consumer: _Consumer) -> float:
    """Publish the load with all kills, wait for the rest, note what is wrong; returns what is right."""
    load, workbench = trial.load, trial.workbench
    threads = ThreadPoolExecutor(1)
    try:
        publication = threads.submit(
            publisher.send_steadily, consumer.broker, load.publications, a_second=_A_SECOND
        )
        _kill(trial, consumer.process, publication)
        publication.result()
    finally:
        # After a signal the thread ends with the broker, which is killed next.
        threads.shutdown(wait=False)
    found = _settled(trial, consumer)
    workbench.note(
        f"{workbench.alternative}: {load.rows - found.keys:,} lost, {found.rows - found.keys:,} doubled"
    )
    return float(found.once)


def _kill(trial: _Trial, consumer: Process, publication: Future[None]) -> None:
    """Kill each at its moments, and start again each consumer that has ended, until all is published."""
    began, lasts = time.monotonic(), trial.load.rows / _A_SECOND
    kills: Mapping[float, Callable[[], None]] = {
        **dict.fromkeys(_CONSUMER_KILLS, partial(_kill_and_start, consumer)),
        _POSTGRES_KILL: partial(_kill_and_start, trial.place.postgres),
    }
    for moment in sorted(kills):
        while time.monotonic() - began < moment * lasts:
            time.sleep(_TICK_S / 10)
            consumer.start()
        kills[moment]()
    while not publication.done():
        time.sleep(_TICK_S)
        consumer.start()


def _kill_and_start(process: Process) -> None:
    process.kill()
    process.start()


def _settled(trial: _Trial, consumer: _Consumer) -> peer_table.Rows:
    """Wait until all is stored and no more comes, or until the trial's time without a new row has passed."""
    with trial.place.connect() as connection:
        found, changed_at = peer_table.counted(connection, consumer.table), time.monotonic()
        while time.monotonic() - changed_at < (
            _SETTLES_S if found.keys >= trial.load.rows else trial.gives_up_after_s
        ):
            time.sleep(_TICK_S)
            # As a supervisor would.
            consumer.process.start()
            if (now := peer_table.counted(connection, consumer.table)) != found:
                found, changed_at = now, time.monotonic()
    return found
