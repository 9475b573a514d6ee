"""PostgreSQL's binary format for columns of values: as the rows of a COPY, and as arrays.

In that format each value stands behind its length in bytes, a 32-bit integer that is -1 for a null; numbers
are big-endian. A time is the number of microseconds since 2000-01-01 UTC.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TEXT, DOUBLE, TIME = 25, 701, 1184
"""PostgreSQL's numbers (OIDs) of the types text, double precision and timestamp with time zone."""

_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ARRAY_HEAD = struct.Struct("!5i")
"""Number of dimensions, whether there are nulls, type, number of values, first index."""
_LAYOUTS = 256


class Packed(NamedTuple):
    """The n values of one column."""

    type: int
    """TEXT, DOUBLE or TIME."""
    values: NDArray[Any]
    """Shape (n,): bytes of one width w, doubles or 64-bit integers. The value of a null has no meaning."""
    lengths: NDArray[np.int32] | int
    """Bytes of each value, -1 for a null, shape (n,); one number where all are w bytes long."""

    def take(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> "Packed":
        """Return the values at these indexes, or where the mask of shape (n,) is true."""
        lengths = self.lengths if isinstance(self.lengths, int) else self.lengths[places]
        return Packed(self.type, self.values[places], lengths)


def texts(strings: Sequence[str], codes: NDArray[np.intp]) -> Packed:
    """Return the texts `strings[code]` for each of the codes. Raises UnicodeEncodeError for a surrogate."""
    joined = "".join(strings)
    if joined.isascii() and len(lengths := set(map(len, strings))) == 1 and joined:
        [width] = lengths
        return Packed(TEXT, _table(joined.encode(), width)[codes], width)
    encoded = [text.encode() for text in strings]
    sizes = list(map(len, encoded))
    width = max(1, *sizes)  # NumPy has no value of 0 bytes
    table = _table(b"".join(text.ljust(width) for text in encoded), width)
    return Packed(TEXT, table[codes], np.array(sizes, np.int32)[codes])


def _table(content: bytes, width: int) -> NDArray[np.void]:
    # As void, since NumPy takes a NUL at the end of bytes for no part of them.
    return np.frombuffer(content, f"V{width}")


def doubles(values: NDArray[np.float64], nulls: NDArray[np.bool_] | None = None) -> Packed:
    """Return doubles; `nulls`, of the same shape, is true for each null."""
    return Packed(DOUBLE, values, _lengths(nulls))


def times(microseconds: NDArray[np.int64], nulls: NDArray[np.bool_] | None = None) -> Packed:
    """Return times by their microseconds since 2000; `nulls`, of the same shape, is true for each null."""
    return Packed(TIME, microseconds, _lengths(nulls))


def copy_input(columns: Sequence[Packed]) -> bytes:
    """Return the whole input of COPY ... FROM STDIN (FORMAT BINARY) for rows of these columns."""
    number = len(columns).to_bytes(2, "big")
    return b"".join((_COPY_HEAD, _rows(columns, number), _COPY_END))


def array(column: Packed) -> bytes:
    """Return the column as an array of one dimension, whose indexes begin with 1."""
    lengths = column.lengths
    has_nulls = not isinstance(lengths, int) and bool((lengths < 0).any())
    return _ARRAY_HEAD.pack(1, has_nulls, column.type, len(column.values), 1) + _rows([column], b"")


def _lengths(nulls: NDArray[np.bool_] | None) -> NDArray[np.int32] | int:
    return 8 if nulls is None or not nulls.any() else np.where(nulls, np.int32(-1), np.int32(8))


def _rows(columns: Sequence[Packed], head: bytes) -> bytes:
    """Return the values row by row, each behind its length, and each row behind `head`."""
    layout = _layout(head, *(column.values.dtype for column in columns))
    widths = [column.lengths if isinstance(column.lengths, int) else 0 for column in columns]
    # A row with the head and with each length that is the same in all rows, repeated: that is faster than
    # to write them, which took most of the time here.
    rows = np.frombuffer(bytearray(_template(layout, head, *widths) * len(columns[0].values)), layout)
    is_fixed = True
    for number, column in enumerate(columns):
        rows[f"value_{number}"] = column.values
        if not isinstance(column.lengths, int):
            rows[f"length_{number}"] = column.lengths
            is_fixed = False
    if is_fixed:
        return rows.tobytes()
    # Shape (n, bytes of a row): the bytes of nulls, and those behind shorter texts, are left out.
    kept = np.ones((len(rows), layout.itemsize), np.bool_)
    for number, column in enumerate(columns):
        if not isinstance(column.lengths, int):
            type_, offset = layout.fields[f"value_{number}"][:2]  # type: ignore[index]
            kept[:, offset : offset + type_.itemsize] = np.arange(type_.itemsize) < column.lengths[:, None]
    return rows.view(np.uint8).reshape(kept.shape)[kept].tobytes()


@lru_cache(_LAYOUTS)
def _template(layout: np.dtype[Any], head: bytes, *widths: int) -> bytes:
    """Return a row with this head and these lengths."""
    row = np.zeros(1, layout)
    if head:
        row["head"] = np.void(head)
    for number, width in enumerate(widths):
        row[f"length_{number}"] = width
    return row.tobytes()


@lru_cache(_LAYOUTS)
def _layout(head: bytes, *types: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of a row whose values have these types: head, length_0, value_0, length_1, ..."""
    fields: list[tuple[str, Any]] = [("head", f"V{len(head)}")] if head else []
    for number, type_ in enumerate(types):
        fields += [(f"length_{number}", ">i4"), (f"value_{number}", type_.newbyteorder(">"))]
    return np.dtype(fields)
