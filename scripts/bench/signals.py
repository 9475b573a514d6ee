"""Benchmark of vehicles that send each signal of a moment in a message of its own."""

from functools import partial

from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, count_incomplete, database
from scripts.bench.load import Load, lone_readings, lone_signals
from scripts.bench.sink import backlog_seconds
from scripts.bench.wal import wal_noted
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers
from shared.wire.reading import SIGNALS


def _run(workbench: Workbench) -> None:
    """Compare whole readings with single signals, as many messages each; by messages, then by rows."""
    readings = max(1, workbench.messages // len(SIGNALS))
    messages = readings * len(SIGNALS)
    vehicles = min(workbench.vehicles, readings)
    loads = {
        "whole readings": lone_readings(messages, vehicles=vehicles),
        "one signal, those of a reading in succession": lone_signals(readings, vehicles=vehicles),
        "one signal, the same one of each vehicle in turn": lone_signals(
            readings, vehicles=vehicles, at_once=vehicles
        ),
    }
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        workbench.compare(
            f"a backlog of {messages:,} messages, {vehicles:,} vehicles, is stored by one worker",
            "messages/s",
            {name: partial(_rate, workbench, place, load) for name, load in loads.items()},
        )
    taken = workbench.comparisons[-1].figures
    workbench.compare(
        "the same backlogs, by the rows that they become",
        "rows/s",
        {
            name: partial(next, iter([rate * load.rows / messages for rate in taken[name]]))
            for name, load in loads.items()
        },
    )


SIGNALS_ALONE = Benchmark(
    "signals", "messages/s of a worker, of whole readings and of one signal each, seven for a reading", _run
)


def _rate(workbench: Workbench, place: Database, load: Load) -> float:
    with running_workers(workbench, place) as ours:
        with wal_noted(workbench, place, load.rows):
            took = backlog_seconds(ours, load)
        with place.connect() as connection:
            if incomplete := count_incomplete(connection):
                raise MeasureError(f"{incomplete:,} of {load.rows:,} readings lack a signal.")
    return len(load.publications) / took
