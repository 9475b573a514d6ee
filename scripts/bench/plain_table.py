"""What `telemetry` is compared with: a table of the same columns and the same key, without anything else."""

from typing import Any

import psycopg
from psycopg import sql


def make(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> None:
    """Make it. No check, no other index, no rollup."""
    table = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE telemetry)").format(table))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (vin, ts)").format(table))
