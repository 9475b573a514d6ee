"""The last word of each vehicle about itself, and when it was first told."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from shared.storage.tables import vehicle_status
from shared.wire.status import VehicleStatus

# In the order of the key: two workers that store the same vehicles would deadlock. What a vehicle said before
# may come after, by another worker of the group or out of a rejection: it does not count then.
_KEEP = text(f"""
    INSERT INTO {vehicle_status.name} AS known (vin, status, received_at)
    SELECT vin, status, received_at
    FROM unnest(CAST(:vins AS text[]), CAST(:statuses AS text[]), CAST(:times AS timestamptz[]))
        AS told (vin, status, received_at)
    ORDER BY vin COLLATE "C"
    ON CONFLICT (vin) DO UPDATE SET status = excluded.status, received_at = excluded.received_at
    WHERE known.status <> excluded.status AND known.received_at <= excluded.received_at
""")  # noqa: S608 - of our own table


def keep_statuses(connection: Connection, told: Iterable[VehicleStatus]) -> None:
    """Keep the last one of each vehicle, in the caller's transaction; `told` is in the order of receipt.

    One that only repeats what is known moves no time: a broker repeats what it retains on each connect.
    """
    last: dict[str, VehicleStatus] = {}
    for one in told:
        if one.vin not in last or last[one.vin].status is not one.status:
            last[one.vin] = one
    if last:
        vins, statuses, times = zip(*last.values(), strict=True)
        connection.execute(
            _KEEP, {"vins": list(vins), "statuses": [*map(str, statuses)], "times": list(times)}
        )
