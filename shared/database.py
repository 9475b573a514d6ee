"""Engines: one to write, one that can only read. Made when a process starts, never at import.

Every wait has an end: to connect, for a lock, for a statement, for a peer that no longer answers.
"""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_TIMEOUT_S = 2
LOCK_TIMEOUT_MS = 5_000


def masked(database_url: str) -> str:
    """The URL as it may be shown: without its passwords, the ones in its query included."""
    url = make_url(database_url)
    secret = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def _connect_arguments(name: str, *, statement_timeout_ms: int, read_only: bool = False) -> dict[str, Any]:
    session = {
        "TimeZone": "UTC",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 60_000,
        # Whatever the server's default: what we acknowledge after a commit has to survive a crash.
        "synchronous_commit": "on",
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


def writer_engine(database_url: str, *, name: str, statement_timeout_ms: int = 30_000) -> Engine:
    """A blocking engine with one connection, for a process that writes from one thread."""
    return create_engine(
        database_url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args=_connect_arguments(name, statement_timeout_ms=statement_timeout_ms),
    )


def async_engine(
    database_url: str, *, name: str, pool_size: int, statement_timeout_ms: int, read_only: bool
) -> AsyncEngine:
    """An engine for an event loop; with `read_only` its sessions can't change a row."""
    return create_async_engine(
        database_url,
        # A question is one statement: BEGIN and ROLLBACK around it would be two round trips for nothing.
        isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args=_connect_arguments(name, statement_timeout_ms=statement_timeout_ms, read_only=read_only),
    )
