"""Arrays of readings, from the broker into the database, against COPY into a table with the same key."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from scripts.bench import plain_table
from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.binary_copy import COLUMNS, packed
from scripts.bench.database import Database, count, database, empty
from scripts.bench.load import Load, array_numbers, arrays
from scripts.bench.sink import backlog_seconds
from scripts.bench.wal import wal_noted
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import running_workers

_SIZE = 50
_COPY_ROWS = 5_000
_TABLE = "plain"
_COPY = f"COPY {_TABLE} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"


def _run(workbench: Workbench) -> None:
    """Compare a worker with binary COPY, both with the same rows in the same order."""
    messages = max(1, workbench.messages // 10)
    vehicles = min(workbench.vehicles, messages)
    load = arrays(messages, _SIZE, vehicles=vehicles)
    copies = _copies(messages, vehicles)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        with place.connect() as connection:
            plain_table.make(connection, _TABLE)
        workbench.compare(
            f"a backlog of {messages:,} messages of {_SIZE} readings of {vehicles:,} vehicles is stored",
            "rows/s",
            {
                f"binary COPY, {_COPY_ROWS:,} rows a commit": partial(
                    _copy_rate, workbench, place, copies, load.rows
                ),
                "one worker": partial(_worker_rate, workbench, place, load, workers=1),
                "two workers, one group": partial(_worker_rate, workbench, place, load, workers=2),
            },
        )


ARRAYS = Benchmark(
    "arrays", "rows/s of messages of 50 readings, and of binary COPY into a table with the same key", _run
)


def _copies(messages: int, vehicles: int) -> list[bytes]:
    """Return the bytes of each COPY: 5,000 rows each, in the order of the messages."""
    messages_a_copy = _COPY_ROWS // _SIZE
    now = datetime.now(UTC)
    return [
        packed(
            (
                number
                for message in range(first, min(first + messages_a_copy, messages))
                for number in array_numbers(message, _SIZE, vehicles=vehicles)
            ),
            now,
            vehicles=vehicles,
        )
        for first in range(0, messages, messages_a_copy)
    ]


def _copy_rate(workbench: Workbench, place: Database, copies: Sequence[bytes], rows: int) -> float:
    with place.connect() as connection:
        empty(connection)
        with wal_noted(workbench, place, rows):
            began = time.monotonic()
            for content in copies:
                with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                    copy.write(content)
            took = time.monotonic() - began
        if (found := count(connection, _TABLE)) != rows:
            raise MeasureError(f"{rows:,} rows were copied, and {found:,} are there.")
    return rows / took


def _worker_rate(workbench: Workbench, place: Database, load: Load, *, workers: int) -> float:
    with (
        running_workers(workbench, place, workers=workers) as ours,
        wal_noted(workbench, place, load.rows),
    ):
        return load.rows / backlog_seconds(ours, load)
