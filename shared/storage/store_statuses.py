"""Storage of each vehicle's last status, with the time of its first receipt."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from shared.storage.tables import vehicle_status
from shared.wire.status import VehicleStatus

# In the order of the key: two workers that store the same vehicles would deadlock. An older status may arrive
# after a newer one, by another worker of the group or by a replay; it is ignored.
_KEEP = text(f"""
    INSERT INTO {vehicle_status.name} AS known (vin, status, received_at)
    SELECT vin, status, received_at
    FROM unnest(CAST(:vins AS text[]), CAST(:statuses AS text[]), CAST(:times AS timestamptz[]))
        AS incoming (vin, status, received_at)
    ORDER BY vin COLLATE "C"
    ON CONFLICT (vin) DO UPDATE SET status = excluded.status, received_at = excluded.received_at
    WHERE known.status <> excluded.status AND known.received_at <= excluded.received_at
""")  # noqa: S608 - of our own table


def keep_statuses(connection: Connection, statuses: Iterable[VehicleStatus]) -> None:
    """Store the last status of each vehicle, in the caller's transaction; `statuses` in the order of receipt.

    A repeated status does not change the stored time: the broker sends retained messages on each connect.
    """
    last: dict[str, VehicleStatus] = {}
    for one in statuses:
        if one.vin not in last or last[one.vin].status is not one.status:
            last[one.vin] = one
    if last:
        vins, values, times = zip(*last.values(), strict=True)
        connection.execute(_KEEP, {"vins": list(vins), "statuses": [*map(str, values)], "times": list(times)})
