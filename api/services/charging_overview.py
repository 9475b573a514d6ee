"""Charging of the fleet at one moment: who charges, who is low and does not, who has not charged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.queries.charging import MIN_CHARGING_A
from api.queries.fleet_columns import FleetColumns

_FULL = 100.0


class Show(StrEnum):
    """Choice of vehicles."""

    ALL = "all"
    CHARGING = "charging"
    LOW = "low"
    NOT_CHARGED = "not_charged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingQuery:
    """Filters and page."""

    show: Show
    soc_below: float
    vins: frozenset[str] | None
    page: int
    page_size: int


class ChargingOverview:
    """The fleet's charging; `charged` holds the last hour with a charge of the vehicles that have one."""

    def __init__(
        self, columns: FleetColumns, charged: Mapping[str, datetime], *, now: datetime, since: datetime
    ) -> None:
        self._columns = columns
        self._charged = charged
        self._now = now
        self._since = since

    def page(self, query: ChargingQuery) -> dict[str, Any]:
        """Build the answer to a query, in the shape of `schemas.charging_fleet.ChargingFleet`."""
        columns = self._columns
        charging, soc = columns.charging, columns.signals["soc"]
        low = (soc < query.soc_below) & ~charging
        not_charged = ~charging & ~self._among(self._charged)
        chosen = {
            Show.ALL: np.ones(len(soc), np.bool_),
            Show.CHARGING: charging,
            Show.LOW: low,
            Show.NOT_CHARGED: not_charged,
        }[query.show]
        if query.vins is not None:
            chosen = chosen & self._among(query.vins)
        # Low ones, then charging ones, then the others; each by soc, where it is known.
        group = np.where(low, 0, np.where(charging, 1, 2))
        order = np.lexsort((soc, group))
        places = order[chosen[order]]
        first = (query.page - 1) * query.page_size
        return {
            "at": self._now,
            "since": self._since,
            "counts": {
                "vehicles": len(soc),
                "charging": int(charging.sum()),
                "low": int(low.sum()),
                "not_charged": int(not_charged.sum()),
            },
            "matching": len(places),
            "page": query.page,
            "pages": ceil(len(places) / query.page_size),
            "vehicles": [
                self._vehicle(row, place, low=bool(low[place]))
                for place, row in self._rows(places[first : first + query.page_size])
            ],
        }

    def _among(self, vins: Any) -> NDArray[Any]:
        return np.fromiter((vin in vins for vin in self._columns.vins), np.bool_, len(self._columns.vins))

    def _rows(self, places: NDArray[Any]) -> list[tuple[int, tuple[Any, ...]]]:
        return list(zip(places.tolist(), self._columns.rows(places), strict=True))

    def _vehicle(self, row: tuple[Any, ...], place: int, *, low: bool) -> dict[str, Any]:
        vin, ts, soc, _soh, voltage, current, *_ = row
        known = voltage is not None and current is not None
        return {
            "vin": vin,
            "ts": ts,
            "soc": soc,
            "charging": bool(self._columns.charging[place]),
            "low": low,
            "pack_current": current,
            "power_kw": round(voltage * current / 1000, 4) if known else None,
            "charged_at": self._charged.get(vin),
        }


def done_at(vehicle: Mapping[str, Any], facts: tuple[Any, ...] | None, now: datetime) -> datetime | None:
    """Estimate when a charge reaches 100 %, at the present current; None where the capacity is not known."""
    if not vehicle["charging"] or facts is None or facts[0] is None or vehicle["soc"] is None:
        return None
    capacity_ah, sign = facts
    amperes = -vehicle["pack_current"] * sign
    if amperes < MIN_CHARGING_A:
        return None
    return now + timedelta(hours=(_FULL - vehicle["soc"]) / 100 * capacity_ah / amperes)
