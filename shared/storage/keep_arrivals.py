"""Messages without a time that have been stored, by packet id: to recognise one that is sent again.

A worker that ends between the commit and the acknowledgement gets the message once more, with the same packet
id and the DUP flag. A reading with a time is then a duplicate by its key; one without a time would be stored
a second time, at another moment.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import Connection, text

from shared.storage.arrays import array_parameters, unnested
from shared.storage.tables import mqtt_arrivals, names


class Arrival(NamedTuple):
    """A message of a session at the broker."""

    packet_id: int
    digest: bytes
    """16 bytes, of topic and payload."""
    ts: datetime
    """Time of receipt."""


_COLUMNS = names(mqtt_arrivals)
# Packet ids in order: two transactions lock the rows in the same order.
_KEEP = text(f"""
    INSERT INTO {mqtt_arrivals.name} ({", ".join(_COLUMNS)})
    SELECT * FROM {unnested(mqtt_arrivals, _COLUMNS)}
    ON CONFLICT (client_id, packet_id) DO UPDATE SET digest = excluded.digest, ts = excluded.ts
""")  # noqa: S608 - our own table
_FIND = text(f"""
    SELECT packet_id, digest FROM {mqtt_arrivals.name}
    WHERE client_id = :client_id AND packet_id = ANY(:packet_ids)
""")  # noqa: S608 - our own table
_FORGET = text(f"DELETE FROM {mqtt_arrivals.name} WHERE client_id = :client_id")  # noqa: S608 - our own table


def arrival(packet_id: bytes, topic: bytes, payload: bytes, received_at: datetime) -> Arrival:
    """Return what is kept of a message."""
    digest = blake2b(len(topic).to_bytes(2, "big") + topic + payload, digest_size=16).digest()
    return Arrival(int.from_bytes(packet_id, "big"), digest, received_at)


def keep_arrivals(connection: Connection, arrivals: Mapping[str, Iterable[Arrival]]) -> None:
    """Keep messages by client id; a later message with the same packet id replaces an earlier one."""
    rows = [
        (client_id, *each)
        for client_id in sorted(arrivals)
        for each in sorted({one.packet_id: one for one in arrivals[client_id]}.values())
    ]
    if rows:
        connection.execute(_KEEP, array_parameters(_COLUMNS, zip(*rows, strict=True)))


def find_arrivals(connection: Connection, client_id: str, packet_ids: Iterable[int]) -> dict[int, bytes]:
    """Return the digests of a session's kept messages by packet id, of those asked for."""
    found = connection.execute(_FIND, {"client_id": client_id, "packet_ids": list(packet_ids)})
    return {packet_id: bytes(digest) for packet_id, digest in found}


def forget_arrivals(connection: Connection, client_id: str) -> None:
    """Forget the messages of a session that the broker has lost: a new one counts its packet ids anew."""
    connection.execute(_FORGET, {"client_id": client_id})
    connection.commit()
