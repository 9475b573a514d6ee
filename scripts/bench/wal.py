"""The write-ahead log that PostgreSQL writes for a figure."""

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.bench.database import Database
from scripts.bench.workbench import Workbench


@contextmanager
def wal_noted(workbench: Workbench, place: Database, rows: int) -> Iterator[None]:
    """Note the bytes of write-ahead log that the block causes for each of its rows."""
    before = place.wal_bytes()
    yield
    written = place.wal_bytes() - before
    workbench.note(f"{workbench.alternative}: {written / rows:,.0f} bytes of write-ahead log a row")
