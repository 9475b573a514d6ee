"""Benchmark of processor time: seconds that each process uses while a backlog is stored."""

from collections.abc import Mapping
from functools import partial

from scripts.bench.benchmark import Benchmark
from scripts.bench.cpu_time import of_ended_children, used
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.parts import Parts
from scripts.bench.raw_pipe import raw_pipe
from scripts.bench.sink import drain_backlog, make_backlog
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers

_PER = 100_000
_PARTS = ("broker", "subscriber", "PostgreSQL")
_SUM = "all of it"
_CLOCK_TICK_S = 0.01


def _run(workbench: Workbench) -> None:
    """Compare a worker with `mosquitto_sub | psql` on the same backlog."""
    load = lone_readings(workbench.messages, vehicles=workbench.vehicles)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        runs = {
            "mosquitto_sub | psql COPY": partial(_pipe, workbench, place, load),
            "one worker": partial(_worker, workbench, place, load),
        }
        alternatives = {}
        for name, run in runs.items():
            for part, take in Parts((_SUM, *_PARTS), run).alternatives().items():
                alternatives[f"{name}: {part}"] = take
        workbench.compare(
            f"processor time while a backlog of {workbench.messages:,} messages of one reading, "
            f"{workbench.vehicles:,} vehicles, is stored",
            f"s per {_PER:,}",
            alternatives,
        )


CPU = Benchmark("cpu", "processor seconds per 100,000 readings, by part: broker, worker, PostgreSQL", _run)


def _worker(workbench: Workbench, place: Database, load: Load) -> Mapping[str, float]:
    with running_workers(workbench, place) as ours:
        pids = (ours.broker.pid, ours.workers[0].pid, place.postgres.pid)
        make_backlog(ours, load)
        before = [used(pid) for pid in pids]
        drain_backlog(ours, load)
        return _per(load, [used(pid) - earlier for pid, earlier in zip(pids, before, strict=True)])


def _pipe(workbench: Workbench, place: Database, load: Load) -> Mapping[str, float]:
    with raw_pipe(workbench, place, load.rows) as pipe:
        pids = (pipe.broker.pid, place.postgres.pid)
        make_backlog(pipe, load)
        before = [used(pid) for pid in pids]
        # The pipe ends by itself; its time is then counted as that of ended children of this process.
        pipe_before = used(pipe.pipe.pid) + of_ended_children()
        drain_backlog(pipe, load)
        broker, server = (used(pid) - earlier for pid, earlier in zip(pids, before, strict=True))
        return _per(load, [broker, of_ended_children() - pipe_before, server])


def _per(load: Load, seconds: list[float]) -> Mapping[str, float]:
    """Return the seconds per 100,000 readings, in all and by part.

    No figure is 0, which no ratio can be taken of: each is at least one tick of the clock that counts this
    time.
    """
    each = [max(one, _CLOCK_TICK_S) * _PER / load.rows for one in seconds]
    return {_SUM: sum(each), **dict(zip(_PARTS, each, strict=True))}
