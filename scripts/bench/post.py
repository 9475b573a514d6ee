"""Benchmark of POST: readings over HTTP, against a service with an ORM."""

import time
from collections.abc import Sequence
from functools import partial

from scripts.bench import http_link, orm_service, plain_table, poster, sample_readings
from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, count, database, empty
from scripts.bench.our_api import PATH, our_api
from scripts.bench.service import Service
from scripts.bench.wal import wal_noted
from scripts.bench.workbench import Workbench
from scripts.launcher.server import Server

_SIZE = 1_000


def _run(workbench: Workbench) -> None:
    """Compare both services with the same bodies."""
    size = min(_SIZE, workbench.messages)
    requests = _requests(workbench.messages // size, size, workbench.vehicles)
    with (
        workbench.fresh_folder() as folder,
        database(folder, workbench.postgres_settings) as place,
        our_api(workbench, place) as api,
    ):
        with place.connect() as connection:
            plain_table.make(connection, orm_service.TABLE)
        peer = Service("orm_service", place.url, log=folder / "orm_service.log")
        try:
            peer.start()
            workbench.compare(
                f"POST of {size:,} readings, {len(requests):,} times, {workbench.vehicles:,} vehicles, "
                f"{poster.CONNECTIONS} connections",
                "rows/s",
                {
                    "def, pydantic list, ORM add_all": partial(
                        _rate, workbench, place, peer, requests, table=orm_service.TABLE, size=size
                    ),
                    "our API": partial(_rate, workbench, place, api, requests, table="telemetry", size=size),
                },
            )
        finally:
            peer.stop()


POST = Benchmark("post", "rows/s of POST /api/telemetry, and of a plain service with an ORM", _run)


def _requests(number: int, size: int, vehicles: int) -> list[bytes]:
    return [
        http_link.post("bench", PATH, sample_readings.array(range(first, first + size), vehicles=vehicles))
        for first in range(0, number * size, size)
    ]


def _rate(
    workbench: Workbench, place: Database, server: Server, requests: Sequence[bytes], *, table: str, size: int
) -> float:
    rows = len(requests) * size
    with place.connect() as connection:
        empty(connection)
        with wal_noted(workbench, place, rows):
            began = time.monotonic()
            poster.send(server, requests)
            took = time.monotonic() - began
        if (found := count(connection, table)) != rows:
            raise MeasureError(f"{rows:,} readings were posted, and {found:,} are there.")
    return rows / took
