"""The table into which every peer writes, and what is in it."""

from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts.bench.peer_programs.peer_arguments import SIGNALS, TABLE
from scripts.bench.sample_readings import START

# Least bytes of a row on its page: 24 of header, 33 of texts, 56 of numbers, 4 of pointer.
_ROW_BYTES = 117
_FIRST_TS = f"{START:%Y-%m-%dT%H:%M:%SZ}"

Connection = psycopg.Connection[tuple[Any, ...]]


class Rows(NamedTuple):
    """Counts of stored rows, of different keys, and of keys with exactly one row."""

    rows: int
    keys: int
    once: int


def make(connection: Connection, *, has_key: bool) -> None:
    """Create the table anew.

    Times are text, as they come: converting them would cost each peer more (mq-bridge would even insert row
    by row). There is no rollup, and no check.
    """
    table = sql.Identifier(TABLE)
    signals = sql.SQL(", ").join(sql.SQL("{} float8").format(sql.Identifier(name)) for name in SIGNALS)
    key = sql.SQL(", PRIMARY KEY (vin, ts)" if has_key else "")
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute(
        sql.SQL("CREATE TABLE {} (vin text NOT NULL, ts text NOT NULL, {}{})").format(table, signals, key)
    )


def has_rows(connection: Connection, rows: int) -> bool:
    """Return whether so many rows are stored; cheap enough for polling.

    They are counted only when the file is as large as these rows: a count of all, 50 times a second, would
    take a good part of a processor.
    """
    size = connection.execute(
        "SELECT pg_relation_size(%s::regclass) >= %s", [TABLE, rows * _ROW_BYTES]
    ).fetchone()
    return bool(size and size[0]) and counted(connection).rows >= rows


def counted(connection: Connection, table: str = TABLE) -> Rows:
    """Count the rows of the load; those that were sent to see a consumer ready are older."""
    query = sql.SQL(
        "SELECT coalesce(sum(n), 0)::bigint, count(*), count(*) FILTER (WHERE n = 1)"
        " FROM (SELECT count(*) AS n FROM {} WHERE ts >= {} GROUP BY vin, ts) AS keys"
    ).format(sql.Identifier(table), sql.Literal(_FIRST_TS))
    found = connection.execute(query).fetchone()
    return Rows(*found) if found else Rows(0, 0, 0)
