"""Messages decoded, and the rows that the decoder has found in one sequence."""

from typing import NamedTuple

from shared.wire.decoder import decode
from shared.wire.reading import Row
from tests.readings import LATEST, START

TOPIC = b"vehicles/VIN-00001/telemetry"


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


def sort(message, topic=TOPIC, received_at=START):
    """Return the readings and the rejections of a message."""
    decoded = decode(topic, message, received_at=received_at, latest=LATEST)
    return places(decoded), decoded.rejections


def lone(message, topic=TOPIC):
    """Return the only rejection of a message without readings."""
    readings, rejections = sort(message, topic)
    assert readings == []
    assert len(rejections) == 1
    return rejections[0]
