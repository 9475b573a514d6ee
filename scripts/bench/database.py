"""A PostgreSQL of its own, with the schema."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.launcher.module import Migration
from scripts.launcher.postgres import Postgres

_NAME = "battery"


@contextmanager
def database(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Its URL; the server's files lie in `folder`."""
    postgres = Postgres(folder / "postgres", settings=settings)
    try:
        postgres.start()
        url = postgres.create_database(_NAME)
        Migration(log=folder / "migrate.log", env={"DATABASE_URL": url}).run()
        yield url
    finally:
        postgres.stop()
