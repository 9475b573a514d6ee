"""Topic filters that a session at the broker has; MQTT knows no question for them.

A session outlives the worker: a filter that no mapping names any more would be queued for without end.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from shared.storage.tables import mqtt_filters

_COLUMN = mqtt_filters.c


def add_filters(connection: Connection, client_id: str, filters: Collection[str]) -> set[str]:
    """Keep the filters of a session; return those that it has besides."""
    rows = [{"client_id": client_id, "filter": each} for each in sorted(filters)]
    connection.execute(insert(mqtt_filters).values(rows).on_conflict_do_nothing())
    known = connection.execute(select(_COLUMN.filter).where(_COLUMN.client_id == client_id))
    return set(known.scalars()) - set(filters)


def remove_filters(connection: Connection, client_id: str, filters: Collection[str]) -> None:
    """Remove filters that the broker has unsubscribed."""
    connection.execute(
        delete(mqtt_filters).where(_COLUMN.client_id == client_id, _COLUMN.filter.in_(filters))
    )
