"""How to connect: to write, or to read only. Nothing is opened at import.

Every wait has an end: to connect, for a lock, for a statement, for a peer that no longer answers.
"""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

CONNECT_TIMEOUT_S = 2
LOCK_TIMEOUT_MS = 5_000


def masked(database_url: str) -> str:
    """The URL as it may be shown: without its passwords, the ones in its query included."""
    url = make_url(database_url)
    secret = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def conninfo(database_url: str) -> str:
    """The URL as psycopg takes it by itself."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def connect_arguments(name: str, *, statement_timeout_ms: int, read_only: bool = False) -> dict[str, Any]:
    """What every connection of ours is opened with; with `read_only` its session can't change a row."""
    session = {
        "TimeZone": "UTC",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 60_000,
        # Whatever the server's default: what we acknowledge after a commit has to survive a crash.
        "synchronous_commit": "on",
        # Every statement of ours finds its rows by their key, whatever its parameters are.
        "plan_cache_mode": "force_generic_plan",
    }
    if read_only:
        session["default_transaction_read_only"] = "on"
    return {
        "application_name": name,
        # On a server of another encoding psycopg would hand out bytes instead of text.
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": " ".join(f"-c {key}={setting}" for key, setting in session.items()),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }


def writer_engine(
    database_url: str, *, name: str, statement_timeout_ms: int = 30_000, pool_size: int = 1
) -> Engine:
    """A blocking engine with so many connections: one for each thread that writes at a time."""
    return create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args=connect_arguments(name, statement_timeout_ms=statement_timeout_ms),
    )
