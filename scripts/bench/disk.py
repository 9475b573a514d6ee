"""Benchmark of disk space: bytes that a stored reading takes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from scripts.bench import http_link, plain_table, poster, sample_readings
from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.binary_copy import COLUMNS
from scripts.bench.database import count, database, tables
from scripts.bench.large_fleet import STEP_S
from scripts.bench.our_api import PATH, our_api
from scripts.bench.progress import Progress
from scripts.bench.workbench import Workbench

_AT_ONCE = 1_000
_TABLE = "plain"
_PEER = "a plain table with the same key"
_ALL = "all of it"
# Holds rejected input, no readings.
_NOT_READINGS = "rejections"


def _run(workbench: Workbench) -> None:
    """Compare our tables with a plain one, after POSTs, which update rollups and latest states as in
    operation.
    """
    rows = workbench.rows
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        with our_api(workbench, place) as api, Progress(f"stores {rows:,} readings", rows) as progress:
            poster.send(api, _requests(rows, workbench.vehicles, progress))
        with place.connect() as connection:
            ours = [name for name in tables(connection) if name != _NOT_READINGS]
            plain_table.make(connection, _TABLE)
            names = ", ".join(COLUMNS)
            connection.execute(f"INSERT INTO {_TABLE} ({names}) SELECT {names} FROM telemetry")  # noqa: S608
            if count(connection, "telemetry") != rows:
                raise MeasureError(f"Not all of {rows:,} readings are stored.")
            connection.execute("VACUUM ANALYZE")
            sizes = {name: _size(connection, name) / rows for name in (_TABLE, *ours)}
        parts = {f"{name} and its indexes": sizes[name] for name in ours}
        figures = {_PEER: sizes[_TABLE], _ALL: sum(parts.values()), **parts}
        workbench.compare(
            f"disk, {rows:,} readings of {workbench.vehicles:,} vehicles every {STEP_S} s, after VACUUM",
            "bytes a reading",
            {name: partial(float, figure) for name, figure in figures.items()},
        )


DISK = Benchmark("disk", "bytes on disk for each reading, and in a plain table with the same key", _run)


def _requests(rows: int, vehicles: int, progress: Progress) -> Iterator[bytes]:
    for first in range(0, rows, _AT_ONCE):
        last = min(first + _AT_ONCE, rows)
        readings = sample_readings.array(range(first, last), STEP_S, vehicles=vehicles)
        yield http_link.post("bench", PATH, readings)
        progress.reach(last)


def _size(connection: psycopg.Connection[tuple[Any, ...]], table: str) -> int:
    """Return the bytes of a table with its indexes."""
    statement = sql.SQL("SELECT pg_total_relation_size({})").format(sql.Literal(table))
    found = connection.execute(statement).fetchone()
    return int(found[0]) if found else 0
