"""Readings in: the writing side of POST."""

from collections.abc import Sequence

from sqlalchemy import Connection

from shared.rejections import CONFLICT_DETAIL, Reason, Rejection, keep_rejections
from shared.store import Arrival, Outcome, store
from shared.topics import telemetry_topic


def ingest(connection: Connection, arrivals: Sequence[Arrival]) -> Outcome:
    """Store readings; one that contradicts a stored reading of the same key is kept as a rejection."""
    outcome = store(connection, arrivals)
    keep_rejections(connection, [_rejection(arrivals[place]) for place in outcome.conflicts])
    return outcome


def _rejection(arrival: Arrival) -> Rejection:
    # With the topic that it could have come by, it can be read and replayed like any other.
    reading, received_at = arrival
    topic = telemetry_topic(reading.vin).encode()
    payload = reading.model_dump_json(exclude_none=True).encode()
    return Rejection(reading.vin, received_at, Reason.CONFLICT, CONFLICT_DETAIL, None, topic, payload)
