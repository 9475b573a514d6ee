"""The command `python -m shared.migrate`, which upgrades the schema of a database.

Safe to run at any time, by several processes at once, on an empty or a current database.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import logging
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from shared.command import run_command
from shared.command_arguments import command_parser
from shared.settings import DatabaseSettings
from shared.storage.engine import writer_engine
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.schema_version import current_version, expected_version, is_newer

log = logging.getLogger("migrate")

# An arbitrary number, which must be the same in all versions of this program.
_LOCK = 7_421_300_196
_WAIT_FOR_SERVER_S = 60


def alembic_config() -> Config:
    """Return Alembic's configuration, with the migrations in `shared/migrations`; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(engine: Engine) -> str:
    """Upgrade to the newest version, make `telemetry` a hypertable where the server can, return the version.

    An advisory lock admits one process at a time; the others wait, and then have nothing left to do. A
    database that is newer than this code stays as it is: Alembic can't locate the newer version here.
    """
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        try:
            if (version := current_version(connection)) and is_newer(version):
                return version
            # A migration may have transactions of its own only where Alembic has begun the present one.
            connection.commit()
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            make_hypertable(connection)
            version = current_version(connection)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()
    return str(version)


def make_hypertable(connection: Connection) -> bool:
    """Turn `telemetry` into a TimescaleDB hypertable where the server has the extension.

    Returns whether the table is one now; on a server that lacks or can't load the extension it is not.
    """
    available = connection.execute(
        text("SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'")
    ).scalar_one()
    if not available:
        connection.rollback()
        return False
    try:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
        connection.execute(
            text("SELECT create_hypertable('telemetry', 'ts', if_not_exists => true, migrate_data => true)")
        )
        connection.commit()
    except DBAPIError as error:
        connection.rollback()
        log.warning(
            "TimescaleDB is there but can't be used, so telemetry stays a plain table: %s", summarise(error)
        )
        return False
    return True


def _migrate_when_server_answers(engine: Engine) -> str:
    deadline = time.monotonic() + _WAIT_FOR_SERVER_S
    for attempt in count():
        try:
            return migrate(engine)
        except DBAPIError as error:
            if classify(error) is not Fault.TRANSIENT or time.monotonic() > deadline:
                raise
            if attempt % 10 == 0:
                log.info("Waiting for the database: %s", summarise(error))
            time.sleep(1)
    raise AssertionError("count() never ends")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "python -m shared.migrate",
        "Upgrade the schema of the database of DATABASE_URL; an up-to-date one stays as it is.\n"
        "The command waits up to a minute for a database that is down.",
        examples=[""],
    )
    parser.parse_args(arguments)
    return run_command(DatabaseSettings, _run)


def _run(settings: DatabaseSettings) -> int:
    engine = writer_engine(settings.database_url, name="migrate")
    try:
        version = _migrate_when_server_answers(engine)
    finally:
        engine.dispose()
    if is_newer(version):
        log.info(
            "The schema is at version %s, newer than this program's %s: nothing to do.",
            version,
            expected_version(),
        )
    else:
        log.info("The schema is up to date (version %s).", version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
