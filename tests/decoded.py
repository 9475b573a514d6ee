"""The rows that the decoder has found, in one sequence."""

from typing import NamedTuple

from shared.wire.reading import Row


class Place(NamedTuple):
    """A row and its index in its message's array; None for a lone object."""

    index: int | None
    row: Row


def places(decoded):
    """Return the rows of a message, each with its index."""
    if decoded.indexes is None:
        assert len(decoded.rows) <= 1
        return [Place(None, row) for row in decoded.rows]
    return [Place(index, row) for index, row in zip(decoded.indexes, decoded.rows, strict=True)]
