"""Rows inserted by COPY, all of them or none."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection

from shared.storage.binary_format import Packed, copy_input

LEAST_ROWS_TO_COPY = 50
"""For fewer rows, COPY with its savepoint takes longer than another insert, by its round trips."""


def copy_rows(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    packed: Sequence[Packed],
    meanwhile: Callable[[], object] = lambda: None,
) -> bool:
    """Insert rows in the caller's transaction; return False, without an insert, where a key was there before.

    `meanwhile` is called while the server is busy with the rows. Raises the database's other errors.
    """
    content = copy_input(packed)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute("SAVEPOINT before_copy")
        try:
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(content)
                meanwhile()
        except UniqueViolation:
            cursor.execute("ROLLBACK TO SAVEPOINT before_copy")
            return False
        cursor.execute("RELEASE SAVEPOINT before_copy")
    return True
