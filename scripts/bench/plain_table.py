"""The reference for `telemetry`: a table with the same columns and primary key."""

from typing import Any

import psycopg
from psycopg import sql


def make(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> None:
    """Create the table. It has no check, no other index and no rollup."""
    table = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE telemetry)").format(table))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (vin, ts)").format(table))
