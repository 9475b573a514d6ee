"""Benchmark of the batch size: a worker's rate by the readings that it stores in one transaction."""

from functools import partial

from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.sink import backlog_seconds
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers

# The first one is what the shipped in-flight window of 20,000 allows.
_SIZES = (5_000, 250, 1_000, 2_500, 10_000)
_BATCHES_IN_WINDOW = 4


def _run(workbench: Workbench) -> None:
    """Compare batch sizes; the window holds four: two are committed while a third and a fourth one arrive."""
    load = lone_readings(workbench.messages, vehicles=workbench.vehicles)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        workbench.compare(
            f"a backlog of {workbench.messages:,} messages of one reading, {workbench.vehicles:,} vehicles, "
            "by size of the batch",
            "messages/s",
            {
                f"batches of {size:,}, window of {_BATCHES_IN_WINDOW * size:,}": partial(
                    _rate, workbench, place, load, size
                )
                for size in _SIZES
            },
        )


BATCH = Benchmark("batch", "messages/s of a worker, by the readings of one transaction", _run)


def _rate(workbench: Workbench, place: Database, load: Load, size: int) -> float:
    window = str(_BATCHES_IN_WINDOW * size)
    env = {"INGEST_BATCH_ROWS": str(size), "MQTT_MAX_INFLIGHT": window}
    with running_workers(workbench, place, env=env, overrides={"max_inflight_messages": window}) as ours:
        return load.rows / backlog_seconds(ours, load)
