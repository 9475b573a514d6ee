"""Keys for tests: made in the table, and known to an API."""

from sqlalchemy import text

from shared.access.key_table import create_key
from shared.access.role import Role
from tests.conftest import eventually


def make_key(engine, role, *vins, name=None, **options):
    """Make a key and return it; without `vins` it reaches every vehicle."""
    with engine.begin() as connection:
        _, key = create_key(connection, name or f"a {role}", Role(role), vins=vins or ("*",), **options)
    return key


UNLIMITED = {
    "api_requests_per_minute": 0,
    "api_costly_per_minute": 0,
    "api_failed_keys_per_minute": 0,
}
"""Settings for tests that call often, or with a key that the API does not know yet."""


def header(key):
    return {"X-API-Key": key}


def audited(engine, **equal):
    """Return the entries of the audit, the oldest first, of those columns that a test compares."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM audit ORDER BY id")).mappings().all()
    return [dict(row) for row in rows if all(row[name] == value for name, value in equal.items())]


def until_known(api, key):
    """Wait until the API knows a key; returns the header for it."""
    eventually(lambda: api.get("/api/me", headers=header(key)).json().get("name"))
    return header(key)
