"""The version of a database's schema, and the version that this code needs.

Each process checks at its start, without Alembic, whose import would take longer than the check. The names of
the migrations' files hold their versions.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text


class OutdatedSchemaError(Exception):
    """The database has an older schema than this code; run `python -m shared.migrate` first."""


@cache
def known_versions() -> tuple[str, ...]:
    """Return the versions of this code's migrations, the oldest first."""
    files = (Path(__file__).parents[1] / "migrations" / "versions").glob("v[0-9]*.py")
    return tuple(sorted(file.stem[1:5] for file in files))


def expected_version() -> str:
    """Return the version of this code's newest migration."""
    return known_versions()[-1]


def current_version(connection: Connection) -> str | None:
    """Return the version of the database's schema; None for a database without our schema."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_newer(version: str) -> bool:
    """Return whether this version is newer than the code, that is, unknown to it."""
    return version not in known_versions()


def require_current_schema(connection: Connection) -> None:
    """Raise OutdatedSchemaError unless the database is at this code's version, or a newer one.

    A newer version is accepted: a rolling upgrade migrates first.
    """
    current = current_version(connection)
    if current is None:
        raise OutdatedSchemaError("The database has no schema yet: run `python -m shared.migrate` first.")
    if not is_newer(current) and current != expected_version():
        raise OutdatedSchemaError(
            f"The database's schema is at version {current}, this program needs {expected_version()}:"
            " run `python -m shared.migrate` first."
        )
