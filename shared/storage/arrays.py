"""Rows as the parameters of one statement: an array for each column of a table."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Double, Integer, LargeBinary, Table, Text

Parameters = dict[str, Any]

_ELEMENT = {Text: "text", DateTime: "timestamptz", Double: "float8", Integer: "int4", LargeBinary: "bytea"}


def element_type(column: Column[Any]) -> str:
    """Return PostgreSQL's name of a column's type."""
    return _ELEMENT[type(column.type)]


def unnested(table: Table, names: Sequence[str], prefix: str = "") -> str:
    """Return SQL for rows of these columns as a relation; `array_parameters` makes its parameters."""
    arrays = ", ".join(f"CAST(:{prefix}{name} AS {element_type(table.c[name])}[])" for name in names)
    return f"unnest({arrays})"


def array_parameters(names: Sequence[str], columns: Iterable[Sequence[Any]], prefix: str = "") -> Parameters:
    """Return one array literal a column; psycopg would take ten times as long to make it from a list."""
    return {
        f"{prefix}{name}": f"{{{','.join(_elements(column))}}}"
        for name, column in zip(names, columns, strict=True)
    }


def _elements(column: Sequence[Any]) -> Iterable[str]:
    first = column[0]
    if isinstance(first, str):
        return (_quoted(text) for text in column)
    if isinstance(first, bytes):
        return (f'"\\\\x{value.hex()}"' for value in column)
    if None in column:
        return ("NULL" if value is None else _plain(value) for value in column)
    if isinstance(first, datetime):
        return map(datetime.isoformat, column)
    return map(repr, column)


def _plain(value: float | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
