"""The servers that all runs share: PostgreSQL with the schema, and an API."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from scripts.launcher.module import Api, Migration
from scripts.launcher.postgres import Postgres

_DATABASE = "battery"
_TABLES = (
    "telemetry, open_hours, closing_hours, closed_hours, closed_days, vehicle_latest, rejections,"
    " mqtt_arrivals, mqtt_filters"
)
# Few connections, so that they can be used up quickly.
_SETTINGS = {"max_connections": "40"}
_NUMBERS_A_RUN = 1_000_000


class Site:
    """PostgreSQL and an API on free ports, with their files in `folder`; emptied between two runs."""

    name = "fault-harness"

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.postgres = Postgres(
            self.folder / "postgres",
            settings={**_SETTINGS, **(settings or {})},
            log=self.logs / "postgres.log",
        )
        self.api = Api(log=self.logs / "api.log")
        self._runs = 0

    @property
    def database_url(self) -> str:
        return self.postgres.url(_DATABASE)

    def start(self) -> None:
        """Start both; after an exception neither runs."""
        try:
            self.postgres.start()
            self.postgres.create_database(_DATABASE)
            env = {"DATABASE_URL": self.database_url}
            Migration(log=self.logs / "migrate.log", env=env).run()
            self.api.env |= env
            self.api.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.api.stop()
        self.postgres.stop()

    def empty(self) -> int:
        """Empty the tables for another run; returns the first number it may use, which no run had before."""
        self.postgres.start()
        self.promote()
        self.api.start()
        self.query(f"TRUNCATE {_TABLES}")
        self._runs += 1
        return self._runs * _NUMBERS_A_RUN

    def promote(self) -> None:
        """Promote a standby, so that it accepts changes again; no effect on a primary."""
        if self.query("SELECT pg_is_in_recovery()") == [(True,)]:
            self.query("SELECT pg_promote(true, 60)")

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own; returns its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Open a connection of the harness's own, in autocommit."""
        with psycopg.connect(
            self.database_url, autocommit=True, connect_timeout=5, application_name=self.name
        ) as connection:
            yield connection

    @contextmanager
    def locked(self, table: str = "telemetry") -> Iterator[None]:
        """Lock the table against reads and writes while the block runs."""
        with self.connect() as connection, connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield

    def waits_for_lock(self, application: str, within: float) -> bool:
        """Return whether a statement of that application waits for a lock within so many seconds."""
        deadline = time.monotonic() + within
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
        )
        while self.query(statement, (application,)) == [(0,)]:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True
