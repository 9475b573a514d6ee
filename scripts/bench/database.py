"""A PostgreSQL of its own, with the schema."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.launcher.module import Module
from scripts.launcher.postgres import Postgres

_NAME = "battery"
_MIGRATE_WITHIN_S = 120


@contextmanager
def database(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Its URL; the server's files lie in `folder`."""
    postgres = Postgres(folder / "postgres", settings=settings)
    try:
        postgres.start()
        url = postgres.create_database(_NAME)
        migrate = Module(
            "shared.migrate", log=folder / "migrate.log", env={"DATABASE_URL": url}, name="schema"
        )
        try:
            migrate.start()
            if migrate.wait(_MIGRATE_WITHIN_S) != 0:
                raise migrate.failure("The database's schema could not be brought up to date.")
        finally:
            migrate.stop()
        yield url
    finally:
        postgres.stop()
