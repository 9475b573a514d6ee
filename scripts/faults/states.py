"""Faults of a database that is up and refuses work."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg

from scripts.faults import ramdisk
from scripts.faults.rig import Rig
from scripts.launcher.postgres import Postgres

_LOCK_TIMEOUT_S = 5.0  # of our sessions: see shared/storage/engine.py
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND application_name NOT LIKE 'fault-%'"
    " OR application_name LIKE 'fault-worker-%'"
)


def slow_database(rig: Rig) -> None:
    """Hold a lock for longer than our sessions wait for one: 55P03."""
    rig.pause()
    with rig.site.locked():
        time.sleep(_LOCK_TIMEOUT_S + 0.7)


def read_only(rig: Rig) -> None:
    """Restart the server as a standby, as after a failover in progress: 25006 until it is promoted.

    A setting would not do: our sessions ask for read-write themselves. No standby grants that.
    """
    rig.pause()
    postgres = rig.site.postgres
    postgres.stop()
    (postgres.files / "standby.signal").touch()
    postgres.start()
    try:
        rig.await_trace("25006")
        rig.hold(3)
    finally:
        rig.site.promote()


def connections_exhausted(rig: Rig) -> None:
    """Take every connection, those of worker and API included."""
    rig.pause()
    with rig.site.connect() as admin, ExitStack() as others:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            _open_all_connections(rig, others)
            admin.execute(_END_OTHERS)
        rig.hold(4)


def _open_all_connections(rig: Rig, others: ExitStack) -> None:
    """Open connections until none is left."""
    while True:
        try:
            connection = psycopg.connect(rig.site.database_url, application_name="fault-others")
        except psycopg.OperationalError:
            return
        others.callback(connection.close)


@contextmanager
def frozen(postgres: Postgres) -> Iterator[None]:
    """Freeze every process of the server (SIGSTOP) while the block runs; its sockets stay open."""
    family = [psutil.Process(postgres.pid)]
    # The parent first: it starts no other meanwhile.
    family[0].suspend()
    family += family[0].children(recursive=True)
    try:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in reversed(family):
            with suppress(psutil.NoSuchProcess):
                process.resume()


def disk_full(rig: Rig) -> None:
    """Move the readings' table to a small disk, fill it up and free it: 53100."""
    with ramdisk.mounted(rig.folder / "small-disk", mebibytes=24) as disk, _on_disk(rig, disk):
        rig.pause()
        ballast = disk / "ballast"
        ramdisk.fill(ballast)
        rig.await_trace("53100")
        rig.hold(2)
        ballast.unlink()
        rig.pause()


@contextmanager
def _on_disk(rig: Rig, disk: Path) -> Iterator[None]:
    folder = disk / "tablespace"
    folder.mkdir()
    if user := rig.site.postgres.account().get("user"):
        shutil.chown(folder, str(user))
    rig.site.query(f"CREATE TABLESPACE small LOCATION '{folder}'")
    try:
        _move(rig, "small")
        yield
    finally:
        _move(rig, "pg_default")
        rig.site.query("DROP TABLESPACE small")


def _move(rig: Rig, tablespace: str) -> None:
    rig.site.query(f"ALTER TABLE telemetry SET TABLESPACE {tablespace}")
    rig.site.query(f"ALTER INDEX telemetry_pkey SET TABLESPACE {tablespace}")
