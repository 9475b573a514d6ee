"""Which version of the schema a database has, and which one this code needs.

Each start asks, so it is answered without Alembic, whose import takes longer than the question: the files
of the migrations are named after their versions.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text


class OutdatedSchemaError(Exception):
    """The database has an older schema than this code; run `python -m shared.migrate` first."""


@cache
def known_versions() -> tuple[str, ...]:
    """The migrations that this code has, the oldest first."""
    files = (Path(__file__).parents[1] / "migrations" / "versions").glob("v[0-9]*.py")
    return tuple(sorted(file.stem[1:5] for file in files))


def expected_version() -> str:
    """The newest migration that this code has."""
    return known_versions()[-1]


def current_version(connection: Connection) -> str | None:
    """The migration that the database is at; None where it has none of ours."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_newer(version: str) -> bool:
    """Whether a database at this version is newer than this code: a version that the code does not know."""
    return version not in known_versions()


def require_current_schema(connection: Connection) -> None:
    """Raise OutdatedSchemaError unless the database is at this code's version, or newer.

    A version that this code does not know is newer: a rolling upgrade migrates first.
    """
    current = current_version(connection)
    if current is None:
        raise OutdatedSchemaError("The database has no schema yet: run `python -m shared.migrate` first.")
    if not is_newer(current) and current != expected_version():
        raise OutdatedSchemaError(
            f"The database's schema is at version {current}, this program needs {expected_version()}:"
            " run `python -m shared.migrate` first."
        )
