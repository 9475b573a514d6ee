"""Rows as the parameters of one statement: an array for each column of a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import Column, DateTime, Double, Integer, LargeBinary, Table, Text

from shared.storage import binary_format
from shared.storage.binary_format import Packed

Parameters = dict[str, Any]

_ELEMENT = {Text: "text", DateTime: "timestamptz", Double: "float8", Integer: "int4", LargeBinary: "bytea"}


def element_type(column: Column[Any]) -> str:
    """Return PostgreSQL's name of a column's type."""
    return _ELEMENT[type(column.type)]


def unnested(table: Table, names: Sequence[str], prefix: str = "") -> str:
    """Return SQL for rows of these columns as a relation.

    `array_parameters` makes its parameters from Python's values, `binary_parameters` from packed columns.
    """
    arrays = ", ".join(f"CAST(:{prefix}{name} AS {element_type(table.c[name])}[])" for name in names)
    return f"unnest({arrays})"


def indexed(table: Table, names: Sequence[str], prefix: str = "") -> str:
    """Return SQL for rows of these columns, and their `number` from 1 on, as a relation without a name.

    The first column is of texts, and no other value is null: then an array's element is found at once, which
    takes half as long as `unnested`. `binary_parameters` makes the parameters.
    """
    first, *others = (f"CAST(:{prefix}{name} AS {element_type(table.c[name])}[])" for name in names)
    elements = (f"({array})[number] AS {name}" for array, name in zip(others, names[1:], strict=True))
    given = f"unnest({first}) WITH ORDINALITY AS given ({names[0]}, number)"
    return f"(SELECT {', '.join((names[0], 'number::int4 AS number', *elements))} FROM {given})"  # noqa: S608


def array_parameters(names: Sequence[str], columns: Iterable[Sequence[Any]], prefix: str = "") -> Parameters:
    """Return one array literal a column; psycopg would take ten times as long to make it from a list."""
    return {
        f"{prefix}{name}": f"{{{','.join(_elements(column))}}}"
        for name, column in zip(names, columns, strict=True)
    }


@dataclass(frozen=True, slots=True)
class BinaryArray:
    """An array in PostgreSQL's binary format; the statement has to name its type."""

    content: bytes


class _BinaryArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        content: bytes = obj.content
        return content


psycopg.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def binary_parameters(names: Sequence[str], columns: Iterable[Packed], prefix: str = "") -> Parameters:
    """Return one array a column."""
    return {
        f"{prefix}{name}": BinaryArray(binary_format.array(column))
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
