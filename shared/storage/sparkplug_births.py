"""Storage of the last birth of each Sparkplug device; a node is `group/edge/device`."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from shared.storage.tables import sparkplug_births
from shared.wire.sparkplug_birth import Birth, BirthMetric


class ReceivedBirth(NamedTuple):
    """A birth, and its arrival by our clock."""

    birth: Birth
    received_at: datetime


# In the order of the key: two workers that store the same nodes would deadlock. An older birth may arrive
# after a newer one, by another worker or by a replay; it is ignored.
_KEEP = text(f"""
    INSERT INTO {sparkplug_births.name} AS known (node, received_at, metrics)
    SELECT node, received_at, metrics
    FROM unnest(CAST(:nodes AS text[]), CAST(:times AS timestamptz[]), CAST(:metrics AS jsonb[]))
        AS incoming (node, received_at, metrics)
    ORDER BY node COLLATE "C"
    ON CONFLICT (node) DO UPDATE SET received_at = excluded.received_at, metrics = excluded.metrics
    WHERE known.received_at <= excluded.received_at
""")  # noqa: S608 - of our own table
_LOAD = text(f"SELECT metrics FROM {sparkplug_births.name} WHERE node = :node")  # noqa: S608 - our own table
# Not LIKE: the names of groups and edge nodes may hold % and _.
_OF_EDGE = text(f"""
    SELECT node FROM {sparkplug_births.name} WHERE starts_with(node, :beginning) ORDER BY node
""")  # noqa: S608 - of our own table


def keep_births(connection: Connection, births: Mapping[str, ReceivedBirth]) -> None:
    """Store the last birth of each node, in the caller's transaction; it replaces the node's earlier one."""
    if births:
        parameters = {
            "nodes": list(births),
            "times": [each.received_at for each in births.values()],
            "metrics": [json.dumps(each.birth.metrics) for each in births.values()],
        }
        connection.execute(_KEEP, parameters)


def load_birth(connection: Connection, node: str) -> Birth | None:
    """Return the last birth of a node, None where none is known."""
    metrics = connection.execute(_LOAD, {"node": node}).scalar_one_or_none()
    return None if metrics is None else Birth(BirthMetric(*metric) for metric in metrics)


def nodes_of_edge(connection: Connection, edge: str) -> list[str]:
    """List the known nodes of an edge node, `group/edge`: the devices that its death takes offline."""
    return list(connection.execute(_OF_EDGE, {"beginning": f"{edge}/"}).scalars())
