"""Connections to PostgreSQL, for writing or read-only. No connection is opened at import.

Each wait has a timeout: for a connection, a lock, a statement, a peer that no longer answers.
"""

import os
import socket
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

CONNECT_TIMEOUT_S = 2
LOCK_TIMEOUT_MS = 5_000


def masked(database_url: str) -> str:
    """Return the URL for display: without its passwords, those in its query included."""
    url = make_url(database_url)
    secret = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def address(database_url: str) -> dict[str, Any]:
    """Return the URL as psycopg's keywords, as SQLAlchemy makes them, several hosts and blanks included."""
    dialect: Any = PGDialect_psycopg
    _, keywords = dialect().create_connect_args(make_url(database_url))
    return {name: value for name, value in keywords.items() if name != "context"}


def location(database_url: str) -> str:
    """Return `host:port/name` of the database, with all its hosts, without user and password."""
    parts = address(database_url)
    hosts = str(parts.get("host") or "localhost").split(",")
    ports = str(parts.get("port") or 5432).split(",")
    places = [f"{host}:{ports[min(number, len(ports) - 1)]}" for number, host in enumerate(hosts)]
    return f"{','.join(places)}/{parts.get('dbname', '')}"


def cut(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    """Shut down a connection's socket: a thread that waits on the connection gets an OperationalError."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def disable_timeouts(connection: Connection) -> None:
    """Let the rest of a transaction wait for statements and locks without end."""
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


def connect_arguments(name: str, *, statement_timeout_ms: int, read_only: bool = False) -> dict[str, Any]:
    """Return the keywords for each connection of ours; with `read_only` its session can't change a row."""
    session = {
        "TimeZone": "UTC",
        # `close_hours` relies on statements that see all transactions committed before them.
        "default_transaction_isolation": "read\\ committed",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 60_000,
        # Set despite the server's default: readings acknowledged after a commit have to survive a crash.
        "synchronous_commit": "on",
        # Each statement of ours finds its rows by their key, for any parameters.
        "plan_cache_mode": "force_generic_plan",
    }
    if read_only:
        session["default_transaction_read_only"] = "on"
    return {
        "application_name": name,
        # On a server with SQL_ASCII encoding psycopg would return bytes instead of text.
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": " ".join(f"-c {key}={setting}" for key, setting in session.items()),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }


def writer_engine(
    database_url: str,
    *,
    name: str,
    statement_timeout_ms: int = 30_000,
    pool_size: int = 1,
    max_age_s: float = -1,
) -> Engine:
    """Return a blocking engine with `pool_size` connections, one for each thread that writes at a time.

    A connection older than `max_age_s` is replaced before its next use; -1: at no age.
    """
    return create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        pool_recycle=round(max_age_s),
        connect_args=connect_arguments(name, statement_timeout_ms=statement_timeout_ms),
    )
