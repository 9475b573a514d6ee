"""Columns of many rows as NumPy arrays, made by `array_agg` in a third of the time that rows would take.

NULL is not supported among the values: select `coalesce(..., 'NaN')`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncCursor, Cursor, adapters
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

_TYPES = adapters.types

# PostgreSQL counts microseconds from 2000 on.
_EPOCH_US = 946_684_800_000_000


class Values(Loader):
    """An array in binary format: elements of 8 bytes, each behind its length."""

    format = Format.BINARY
    element = ">f8"
    _HEADER_BYTES = 20

    def load(self, data: Buffer) -> NDArray[Any]:
        elements = np.dtype([("length", ">i4"), ("value", self.element)])
        values = np.frombuffer(data, elements, offset=self._HEADER_BYTES)["value"]
        return values.astype(values.dtype.newbyteorder("="))


class Microseconds(Values):
    """Times as microseconds since 1970, exact."""

    element = ">i8"

    def load(self, data: Buffer) -> NDArray[Any]:
        return super().load(data) + _EPOCH_US


class Seconds(Microseconds):
    """Times as seconds since 1970, as `datetime.timestamp()` gives them."""

    def load(self, data: Buffer) -> NDArray[Any]:
        return super().load(data) / 1e6


def load_as_arrays(cursor: AsyncCursor[Any] | Cursor[Any], *, times_as: type[Microseconds]) -> None:
    """Make a cursor with `binary=True` load arrays of float8 and timestamptz as NumPy arrays."""
    cursor.adapters.register_loader(_TYPES["float8"].array_oid, Values)
    cursor.adapters.register_loader(_TYPES["timestamptz"].array_oid, times_as)
