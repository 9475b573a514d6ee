"""Messages without a time of their own: kept once they are stored, and found when they come again."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from ingest_worker.batch import Arrivals
from ingest_worker.delivery import Delivery
from shared.storage.keep_arrivals import Arrival, arrival, find_arrivals, keep_arrivals


def keep_stored(connection: Connection, arrivals: Iterable[Arrivals]) -> None:
    """Keep the messages of QoS 1 that became rows, in the transaction that stores the rows."""
    kept: dict[str, list[Arrival]] = {}
    for client_id, deliveries in arrivals:
        kept.setdefault(client_id, []).extend(_arrival(each) for each in deliveries if each.qos)
    keep_arrivals(connection, kept)


def find_stored(
    connection: Connection, client_id: str, deliveries: Collection[Delivery]
) -> frozenset[Delivery]:
    """Return the deliveries of a session that were stored under the same packet id."""
    asked = {each: _arrival(each) for each in deliveries}
    kept = find_arrivals(connection, client_id, {one.packet_id for one in asked.values()})
    return frozenset(each for each, one in asked.items() if kept.get(one.packet_id) == one.digest)


def _arrival(delivery: Delivery) -> Arrival:
    return arrival(delivery.mid, delivery.topic, delivery.payload, delivery.received_at)
