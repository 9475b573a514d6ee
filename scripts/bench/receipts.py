"""Benchmark of receipts: a worker's rate over a backlog, with and without a receipt for each message."""

import time
from functools import partial

from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.consumer import Consumer
from scripts.bench.database import Database, database
from scripts.bench.load import Load, lone_readings
from scripts.bench.sink import drain_backlog, make_backlog
from scripts.bench.work_end import await_work
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers
from shared.wire.topics import receipts_topic, telemetry_topic


def _run(workbench: Workbench) -> None:
    plain, confirmed = (
        lone_readings(workbench.messages, vehicles=workbench.vehicles, confirm=confirm)
        for confirm in (False, True)
    )
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        workbench.compare(
            f"a worker works off {workbench.messages:,} messages of one reading, "
            f"{workbench.vehicles:,} vehicles, broker as shipped",
            "messages/s",
            {
                telemetry_topic("{vin}"): partial(_rate, workbench, place, plain, receipts=0),
                telemetry_topic("{vin}", confirm=True): partial(
                    _rate, workbench, place, confirmed, receipts=confirmed.rows
                ),
            },
        )


RECEIPTS = Benchmark(
    "receipts", "messages/s that a worker stores from a backlog, without receipts and with one for each", _run
)


def _rate(workbench: Workbench, place: Database, load: Load, *, receipts: int) -> float:
    """Return messages/s from the worker's release until all is stored and every receipt has arrived."""
    with (
        running_workers(workbench, place) as ours,
        Consumer(ours.broker, "bench-vehicles", [receipts_topic("+")]) as vehicles,
    ):
        make_backlog(ours, load)
        began = time.monotonic()
        drain_backlog(ours, load)
        await_work(lambda: vehicles.received >= receipts, ours.workers, receipts)
        took = time.monotonic() - began
        # More receipts than messages: the link was lost during the run, and some arrived twice.
        if vehicles.received != receipts:
            raise MeasureError(f"{load.rows:,} messages brought {vehicles.received:,} receipts.")
    return load.rows / took
