"""A PostgreSQL server with the schema, for a measurement."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from scripts.bench.sample_readings import Key
from scripts.launcher.module import Migration
from scripts.launcher.postgres import Postgres
from shared.wire.reading import SIGNALS

_NAME = "battery"
_KEPT = "alembic_version"
_WAL_BYTES = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
_HAS_NULLS = f"num_nulls({', '.join(SIGNALS)}) > 0"
_ARE_STORED = f"""
    SELECT count(*) = cardinality(%(vins)s)
    FROM telemetry JOIN unnest(%(vins)s::text[], %(times)s::timestamptz[]) AS wanted (vin, ts) USING (vin, ts)
    WHERE NOT {_HAS_NULLS}
"""  # noqa: S608 - of our own columns
_INCOMPLETE = f"SELECT count(*) FROM telemetry WHERE {_HAS_NULLS}"  # noqa: S608 - of our own columns


class Database:
    """One database of a running server."""

    def __init__(self, postgres: Postgres, name: str = _NAME) -> None:
        self.postgres = postgres
        self.url = postgres.url(name)

    def copy(self, name: str) -> "Database":
        """Create a copy of this database as it is now; no connection to it may be open."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(made.format(sql.Identifier(name), sql.Identifier(_NAME)))
        return Database(self.postgres, name)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection that commits each statement."""
        return psycopg.connect(self.url, autocommit=True)

    def wal_bytes(self) -> int:
        """Count the bytes of write-ahead log since the server's first start, of all its databases."""
        with self.connect() as connection:
            found = connection.execute(_WAL_BYTES).fetchone()
        return int(found[0]) if found else 0

    def program(self, name: str) -> str:
        """Return the path of a program that came with the server, such as psql."""
        return str(Path(self.postgres.command()[0]).with_name(name))


@contextmanager
def database(folder: Path, settings: Mapping[str, str]) -> Iterator[Database]:
    """Run a server with a database and the schema; its files lie in `folder`."""
    postgres = Postgres(folder / "postgres", settings=settings)
    try:
        postgres.start()
        url = postgres.create_database(_NAME)
        Migration(log=folder / "migrate.log", env={"DATABASE_URL": url}).run()
        yield Database(postgres)
    finally:
        postgres.stop()


def tables(connection: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    """List the tables that hold incoming data."""
    found = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> %s ORDER BY 1", [_KEPT]
    )
    return [name for (name,) in found]


def empty(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Empty every table and write a checkpoint, so that the next figure does not include that work."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables(connection)))
    connection.execute(sql.SQL("TRUNCATE {}").format(names))
    connection.execute("CHECKPOINT")


def count(connection: psycopg.Connection[tuple[Any, ...]], table: str) -> int:
    """Count the rows of a table."""
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(found[0]) if found else 0


def count_incomplete(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    """Count the stored readings that lack a signal."""
    found = connection.execute(_INCOMPLETE).fetchone()
    return int(found[0]) if found else 0


def are_stored(connection: psycopg.Connection[tuple[Any, ...]], keys: Sequence[Key]) -> bool:
    """Return whether all of these readings are stored, each with every signal; cheap enough for polling."""
    parameters = {"vins": [one.vin for one in keys], "times": [one.ts for one in keys]}
    found = connection.execute(_ARE_STORED, parameters).fetchone()
    return bool(found and found[0])
