"""Benchmark of the pipeline: messages of one reading, from broker to database, against a pipe in C."""

from collections.abc import Callable
from functools import partial

from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.raw_pipe import raw_pipe
from scripts.bench.sink import Sink, backlog_seconds, live_seconds
from scripts.bench.wal import wal_noted
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers

Timing = Callable[[Sink[Load], Load], float]


def _run(workbench: Workbench) -> None:
    """Compare over a backlog, then over messages published at the same time."""
    load = lone_readings(workbench.messages, vehicles=workbench.vehicles)
    sent = f"{workbench.messages:,} messages of one reading, {workbench.vehicles:,} vehicles,"
    forms: dict[str, Timing] = {
        f"a backlog of {sent} is stored": backlog_seconds,
        f"{sent} are stored while they are published": live_seconds,
    }
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        for title, timing in forms.items():
            workbench.compare(
                title,
                "messages/s",
                {
                    "mosquitto_sub | psql COPY": partial(_raw, workbench, place, load, timing),
                    "one worker": partial(_ours, workbench, place, load, timing, workers=1),
                    "two workers, one group": partial(_ours, workbench, place, load, timing, workers=2),
                },
            )


PIPELINE = Benchmark(
    "pipeline",
    "messages/s of one reading each, from the broker into the table: C without checks, and us",
    _run,
)


def _raw(workbench: Workbench, place: Database, load: Load, timing: Timing) -> float:
    with (
        raw_pipe(workbench, place, load.rows) as pipe,
        wal_noted(workbench, place, load.rows),
    ):
        return load.rows / timing(pipe, load)


def _ours(workbench: Workbench, place: Database, load: Load, timing: Timing, *, workers: int) -> float:
    with (
        running_workers(workbench, place, workers=workers) as ours,
        wal_noted(workbench, place, load.rows),
    ):
        rate = load.rows / timing(ours, load)
        if workers > 1:
            workbench.note(f"{workers} workers divided the messages: {ours.shares()}")
    return rate
