"""Which version of the schema a database has, and which one this code needs."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


class OutdatedSchemaError(Exception):
    """The database has an older schema than this code; run `python -m shared.migrate` first."""


def alembic_config() -> Config:
    """Alembic's configuration, without a file: the migrations lie beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


@cache
def expected_version() -> str:
    """The newest migration that this code has."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError("this checkout holds no migrations")
    return head


def current_version(connection: Connection) -> str | None:
    """The migration that the database is at; None where it has none of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def require_current_schema(connection: Connection) -> None:
    """Raise OutdatedSchemaError unless the database is at this code's version, or newer.

    A version that this code does not know is newer: a rolling upgrade migrates first.
    """
    current = current_version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if current is None:
        raise OutdatedSchemaError("The database has no schema yet: run `python -m shared.migrate` first.")
    if current in known and current != expected_version():
        raise OutdatedSchemaError(
            f"The database's schema is at version {current}, this program needs {expected_version()}:"
            " run `python -m shared.migrate` first."
        )
