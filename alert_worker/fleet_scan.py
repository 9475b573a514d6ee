"""The vehicles whose readings changed, by the versions of their rows in `vehicle_latest`.

Each transaction that stores readings, late ones and single values too, writes the vehicle's row there. The
version of that row (`xmin`) changes with each, whatever the times of the readings are, so that no arrival is
missed; an index on the time of arrival would cost each of those writes an entry.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from alert_worker.shares import share_of

_QUERY = "SELECT vin, xmin::text::bigint, ts, received_at FROM vehicle_latest"


@dataclass(frozen=True, slots=True)
class Seen:
    """A vehicle as the scan sees it."""

    vin: str
    version: int
    newest: datetime
    received_at: datetime
    """Our clock, at the last arrival."""


class FleetScan:
    """The vehicles of the shares held."""

    def __init__(self) -> None:
        self._shares: dict[str, int] = {}

    def read(self, connection: Connection[Any], shares: Collection[int]) -> list[Seen]:
        """Return the vehicles of these shares."""
        rows = connection.execute(_QUERY, binary=True).fetchall()
        known = self._shares
        return [
            Seen(*row)
            for row in rows
            if (known.get(row[0]) if row[0] in known else known.setdefault(row[0], share_of(row[0])))
            in shares
        ]
