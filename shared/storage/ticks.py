"""Times as microseconds since 2000-01-01 UTC, PostgreSQL's binary form. No I/O."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from shared.wire.reading_block import ReadingBlock

Ticks = NDArray[np.int64]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_FRACTION_AT = len("2000-01-01T00:00:00.")
# For fewer texts the calls of NumPy take longer than Python's own arithmetic.
_LEAST_TEXTS = 400


def ticks(moments: Sequence[datetime]) -> Ticks:
    """Return the ticks of times."""
    return np.fromiter([(moment - _EPOCH) // _MICROSECOND for moment in moments], np.int64, len(moments))


def ticks_of_blocks(blocks: Sequence[ReadingBlock]) -> Ticks:
    """Return the ticks of the readings' times, in the order of the blocks.

    The ticks are taken from the texts of the times, many at once: a quarter of the processor time of `ticks`.
    """
    found = []
    for width, alike in groupby(blocks, lambda block: 0 if block.times is None else len(block.times[0])):
        of_width = [*alike]
        if width and sum(map(len, of_width)) >= _LEAST_TEXTS:
            texts = chain.from_iterable(block.times or () for block in of_width)
            found.append(ticks_of_texts([*texts]))
        else:
            found.append(ticks([*chain.from_iterable(block.moments for block in of_width)]))
    return np.concatenate(found)


def ticks_of_texts(texts: Sequence[str]) -> Ticks:
    """Return the ticks of valid times in UTC as `2026-11-30T08:15:00.5Z`, all with as many digits."""
    width = len(texts[0])
    # Shape (n, width): the value of each digit; other characters are not looked at.
    digits: NDArray[np.uint8] = np.frombuffer("".join(texts).encode(), np.uint8).reshape(
        len(texts), width
    ) - ord("0")

    def number(begin: int, end: int) -> Ticks:
        result: Ticks = digits[:, begin].astype(np.int64)
        for place in range(begin + 1, end):
            result = result * 10 + digits[:, place]
        return result

    months = ((number(0, 4) - 1970) * 12 + number(5, 7) - 1).astype("datetime64[M]")
    days = (months.astype("datetime64[D]") - np.datetime64("2000-01-01")).astype(np.int64) + number(8, 10) - 1
    seconds = ((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)
    places = width - 1 - _FRACTION_AT
    found: Ticks = seconds * _SECOND
    return found if places <= 0 else found + number(_FRACTION_AT, width - 1) * 10 ** (6 - places)
