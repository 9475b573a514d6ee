"""Benchmark of peers: the same messages into PostgreSQL by other software, in turn with the worker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from scripts.bench.benchmark import Benchmark
from scripts.bench.cpu_time import of_ended_children, used
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.memory import PeakMemory
from scripts.bench.peer import EVERY_PEER, Peer
from scripts.bench.peer_run import installed, running_peer
from scripts.bench.raw_pipe import raw_pipe
from scripts.bench.sink import Sink, backlog_seconds, live_seconds
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers

_PER = 100_000
_CLOCK_TICK_S = 0.01
_RATE = "messages/s"
_PARTS = {
    "processor time of the consumer": f"s per {_PER:,}",
    "processor time of PostgreSQL": f"s per {_PER:,}",
    "peak memory of the consumer": "MiB",
}

Timing = Callable[[Sink[Load], Load], float]
Running = tuple[Sink[Load], Sequence[int]]
"""A consumer that is ready, and the processes that it consists of."""
Run = Callable[[Timing], Mapping[str, float]]


def compare_peers(workbench: Workbench, peers: Sequence[Peer] = EVERY_PEER) -> None:
    """Compare rates and costs over a backlog, then over messages published meanwhile."""
    load = lone_readings(workbench.messages, vehicles=workbench.vehicles)
    found, missing = installed(peers)
    sent = f"{workbench.messages:,} messages of one reading, {workbench.vehicles:,} vehicles,"
    forms: dict[str, Timing] = {
        f"a backlog of {sent} is stored": backlog_seconds,
        f"{sent} are stored while they are published": live_seconds,
    }
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        runs = _runs(workbench, place, load, found)
        for title, timing in forms.items():
            _compare(workbench, title, {name: partial(run, timing) for name, run in runs.items()}, missing)


PEERS = Benchmark(
    "peers",
    "messages/s, processor time and memory of Pathway, mq-bridge, executemany, a pipe in C, and us",
    compare_peers,
    only_by_name=True,
)


def _runs(workbench: Workbench, place: Database, load: Load, peers: Mapping[Peer, Path]) -> dict[str, Run]:
    runs: dict[str, Run] = {
        "mosquitto_sub | psql COPY": partial(_figures, place, load, lambda: _pipe(workbench, place, load))
    }
    for peer, python in peers.items():
        runs[peer.name] = partial(_figures, place, load, partial(_peer, workbench, place, peer, python))
    for workers, name in ((1, "one worker"), (2, "two workers, one group")):
        runs[name] = partial(_figures, place, load, partial(_ours, workbench, place, workers))
    return runs


def _compare(
    workbench: Workbench,
    title: str,
    runs: Mapping[str, Callable[[], Mapping[str, float]]],
    missing: Sequence[str],
) -> None:
    """Show the rates in one table, then each cost of the same runs in one of its own."""
    taken: dict[str, list[Mapping[str, float]]] = {name: [] for name in runs}

    def rate(name: str) -> float:
        taken[name].append(runs[name]())
        return taken[name][-1][_RATE]

    workbench.compare(title, _RATE, {name: partial(rate, name) for name in runs}, notes=missing)
    for part, unit in _PARTS.items():
        figures = {name: iter([one[part] for one in taken[name]]) for name in runs}
        workbench.compare(f"the same, {part}", unit, {name: partial(next, figures[name]) for name in runs})


@contextmanager
def _pipe(workbench: Workbench, place: Database, load: Load) -> Iterator[Running]:
    with raw_pipe(workbench, place, load.rows) as pipe:
        yield pipe, [pipe.pipe.pid]


@contextmanager
def _peer(workbench: Workbench, place: Database, peer: Peer, python: Path) -> Iterator[Running]:
    with running_peer(workbench, place, peer, python) as sink:
        yield sink, [sink.process.pid]


@contextmanager
def _ours(workbench: Workbench, place: Database, workers: int) -> Iterator[Running]:
    with running_workers(workbench, place, workers=workers) as group:
        yield group, [worker.pid for worker in group.workers]


def _figures(
    place: Database, load: Load, running: Callable[[], AbstractContextManager[Running]], timing: Timing
) -> Mapping[str, float]:
    """Return the rate and the costs of one run."""
    with running() as (sink, pids), PeakMemory(pids) as memory:
        before = _seconds_used(pids), used(place.postgres.pid)
        took = timing(sink, load)
        after = _seconds_used(pids), used(place.postgres.pid)
    # No figure is 0, which no ratio can be taken of: each is at least one tick of the clock.
    costs = [max(now - was, _CLOCK_TICK_S) * _PER / load.rows for was, now in zip(before, after, strict=True)]
    return {_RATE: load.rows / took, **dict(zip(_PARTS, [*costs, memory.mib], strict=True))}


def _seconds_used(pids: Sequence[int]) -> float:
    """Return the processor seconds of these processes, ended ones included."""
    return of_ended_children() + sum(used(pid) for pid in pids if psutil.pid_exists(pid))
