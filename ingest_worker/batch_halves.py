"""Bisection of a batch into two parts that are committed one after the other. No I/O."""

from bisect import bisect_left

from ingest_worker.batch import BatchContents


def halves(contents: BatchContents) -> tuple[BatchContents, BatchContents] | None:
    """Split a batch into two parts with about as many readings each, in the order of receipt.

    Returns None for a batch of one reading. A single delivery that is an array is split inside the array:
    the first part is partial, and the delivery is complete once the second part has committed.
    """
    if len(contents.deliveries) > 1:
        middle = _middle(contents)
        return _deliveries(contents, 0, middle), _deliveries(contents, middle, len(contents.deliveries))
    if contents.readings <= 1:
        return None
    middle = contents.readings // 2
    return _within(contents, 0, middle, is_last=False), _within(
        contents, middle, contents.readings, is_last=True
    )


def _middle(contents: BatchContents) -> int:
    """Return the index of the delivery that begins the second half; never 0."""
    number = len(contents.deliveries)
    if not contents.rejections:
        ends = contents.firsts
    else:
        ends = [
            first + bisect_left(contents.rejection_sources, place)
            for place, first in enumerate(contents.firsts)
        ]
    if not contents.readings:
        return number // 2
    return min(max(bisect_left(ends, contents.readings // 2), 1), number - 1)


def _deliveries(contents: BatchContents, begin: int, end: int) -> BatchContents:
    """Return the deliveries from index `begin` to before `end`, with their rows, rejections and statuses."""
    firsts = [*contents.firsts, len(contents.rows)]
    rows = slice(firsts[begin], firsts[end])
    deliveries = contents.deliveries[begin:end]
    rejected = slice(
        bisect_left(contents.rejection_sources, begin), bisect_left(contents.rejection_sources, end)
    )
    statuses = slice(bisect_left(contents.status_sources, begin), bisect_left(contents.status_sources, end))
    return BatchContents(
        deliveries=deliveries,
        firsts=[first - firsts[begin] for first in contents.firsts[begin:end]],
        rows=contents.rows[rows],
        rejections=contents.rejections[rejected],
        statuses=contents.statuses[statuses],
        rejection_sources=[place - begin for place in contents.rejection_sources[rejected]],
        status_sources=[place - begin for place in contents.status_sources[statuses]],
        indexes={one: contents.indexes[one] for one in deliveries if one in contents.indexes},
        arrivals={one: contents.arrivals[one] for one in deliveries if one in contents.arrivals},
        births={one: contents.births[one] for one in deliveries if one in contents.births},
        receipts={one: contents.receipts[one] for one in deliveries if one in contents.receipts},
        is_partial=contents.is_partial,
    )


def _within(contents: BatchContents, begin: int, end: int, *, is_last: bool) -> BatchContents:
    """Return the readings from `begin` to before `end` of the only delivery: rows first, then rejections."""
    rows, [delivery] = len(contents.rows), contents.deliveries
    rejections = contents.rejections[max(begin - rows, 0) : max(end - rows, 0)]
    indexes = contents.indexes.get(delivery)
    return BatchContents(
        deliveries=[delivery],
        firsts=[0],
        rows=contents.rows[begin:end],
        rejections=rejections,
        statuses=contents.statuses if is_last else [],
        rejection_sources=[0] * len(rejections),
        status_sources=contents.status_sources if is_last else [],
        indexes={} if indexes is None else {delivery: indexes[begin:end]},
        arrivals=contents.arrivals,
        births=contents.births if is_last else {},
        # All parts share one receipt, which is sent once the last part has committed.
        receipts=contents.receipts,
        is_partial=contents.is_partial or not is_last,
    )
