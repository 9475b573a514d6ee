"""The most connections that the API's processes open, checked against the limits of the database."""

from sqlalchemy import Connection, text

from shared.api_settings import ApiSettings

EXPORT_CONNECTIONS = 2
HEARTBEAT_CONNECTIONS = 1
KEYS_CONNECTIONS = 1

# The lowest of these limits holds; -1 stands for no limit. `reserved_connections` exists since PostgreSQL 16.
_LIMIT = text("""
    SELECT current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true), '0')::integer AS of_server,
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()) AS of_database,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user) AS of_user
""")


class TooManyConnectionsError(Exception):
    """The database does not take as many connections as the settings ask for; the message says which."""


def connections_per_process(settings: ApiSettings) -> int:
    """Return the most connections that one process opens; each is opened when it is needed."""
    own = EXPORT_CONNECTIONS + HEARTBEAT_CONNECTIONS + KEYS_CONNECTIONS
    return 2 * settings.api_pool_size + settings.api_heavy_calls + own


def require_enough_connections(connection: Connection, settings: ApiSettings) -> None:
    """Raise TooManyConnectionsError where the database can't hold the connections of all processes."""
    each = connections_per_process(settings)
    needed = settings.api_processes * each
    found = connection.execute(_LIMIT).one()
    limits = {
        "max_connections, less those reserved": found.of_server,
        "the limit of its database": found.of_database,
        "the limit of its user": found.of_user,
    }
    name, allowed = min(
        ((name, limit) for name, limit in limits.items() if limit is not None), key=lambda item: item[1]
    )
    if needed > allowed:
        raise TooManyConnectionsError(
            f"API_PROCESSES={settings.api_processes}, API_POOL_SIZE={settings.api_pool_size},"
            f" API_HEAVY_CALLS={settings.api_heavy_calls}: up to {needed} connections"
            f" ({settings.api_processes} x {each}), and the database takes {allowed} ({name});"
            " lower these settings, or raise that limit."
        )
