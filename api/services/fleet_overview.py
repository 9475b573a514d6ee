"""Overview of the fleet for a dashboard: counts, filters, order and pages over arrays of every vehicle.

Counts and order need every vehicle's alerts and state; with 5,000 of them, rows would take ten times as long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.queries.episode_list import NO_EPISODES, VehicleEpisodes
from api.queries.fleet_columns import FleetColumns
from api.serializers import listed_vehicle
from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import Severity, worst_alerts
from shared.value_ages import POWER_SPAN, TEMPERATURE_AGE, TEMPERATURES
from shared.wire.connectivity import Limits, State

_SEVERITIES = (None, *Severity)
_STATES = list(State)
_LATCHED = len(_SEVERITIES)
"""Rank of an episode that only an acknowledgement ends: above every severity."""


class Sort(StrEnum):
    """Keys by which the vehicles can be ordered."""

    ALERT = "alert"
    VIN = "vin"
    SOC = "soc"
    POWER_KW = "power_kw"
    MAX_TEMP = "max_temp"
    SOH = "soh"
    ODO_KM = "odo_km"
    TS = "ts"
    RECEIVED_AT = "received_at"


@dataclass(frozen=True, kw_only=True)
class FleetQuery:
    """Filters, order and page of an overview; None is no filter."""

    states: frozenset[State]
    min_severity: Severity | None
    charging: bool | None
    q: str | None
    """Part of a VIN, in upper case."""
    vins: frozenset[str] | None
    """Only these vehicles: those of a group."""
    sort: Sort
    descending: bool
    page: int
    page_size: int


class FleetOverview:
    """Overview of a fleet at one moment."""

    def __init__(
        self,
        columns: FleetColumns,
        episodes: Mapping[str, VehicleEpisodes],
        *,
        now: datetime,
        limits: Limits,
        thresholds: AlertThresholds,
    ) -> None:
        self._columns = columns
        self._now = now
        self._limits = limits
        self._thresholds = thresholds
        judged = columns.current_signals(TEMPERATURES, TEMPERATURE_AGE)
        self._alert = worst_alerts(judged, thresholds)
        self._episodes = episodes
        self._worst = np.zeros(len(columns.vins), np.int64)
        self._since = np.zeros(len(columns.vins))
        self._note_episodes()
        self._severity = np.maximum(self._alert, np.minimum(self._worst, len(Severity)))
        self._charging = columns.charging

    def _note_episodes(self) -> None:
        """Note the severity of each vehicle's worst open episode, a latched one above all, and its begin."""
        places = {vin: place for place, vin in enumerate(self._columns.vins) if vin in self._episodes}
        for vin, place in places.items():
            episode = self._episodes[vin]
            if episode.severity is None or episode.started_at is None:
                continue
            self._worst[place] = _LATCHED if episode.is_latched else _SEVERITIES.index(episode.severity)
            self._since[place] = episode.started_at.timestamp()

    def page(self, query: FleetQuery) -> dict[str, Any]:
        """Build the answer to a query, in the shape of `schemas.vehicles.Fleet`."""
        chosen = self._matching(query)
        ordered = chosen[self._order(chosen, query)]
        first = (query.page - 1) * query.page_size
        indices = ordered[first : first + query.page_size]
        return {
            "at": self._now,
            "arrival_lag_s": self._arrival_lag_s(),
            "counts": self._counts(),
            "matching": len(chosen),
            "page": query.page,
            "pages": ceil(len(chosen) / query.page_size),
            "vehicles": self._vehicles(indices),
        }

    def _counts(self) -> dict[str, Any]:
        states = np.bincount(self._columns.state.astype(int), minlength=len(_STATES)).tolist()
        alerts = np.bincount(self._alert, minlength=len(_SEVERITIES)).tolist()
        episodes = np.bincount(np.minimum(self._worst, len(Severity)), minlength=len(_SEVERITIES)).tolist()
        return {
            "vehicles": len(self._columns.vins),
            **dict(zip(_STATES, states, strict=True)),
            "charging": int(self._charging.sum()),
            "alerts": dict(zip(Severity, alerts[1:], strict=True)),
            "episodes": dict(zip(Severity, episodes[1:], strict=True)),
            "latched": int(np.sum(self._worst == _LATCHED)),
        }

    def _arrival_lag_s(self) -> float | None:
        """Compute the median of `received_at - ts` over the vehicles that sent lately; None where none did.

        A backlog raises the figure: readings that wait at the broker, or in an import, are received long
        after their `ts`. A vehicle that sends late has the same effect.
        """
        columns = self._columns
        heard_from = (self._now - self._limits.stale_after).timestamp() * 1e6
        lags = (columns.received_at - columns.ts)[columns.received_at > heard_from]
        return round(float(np.median(lags)) / 1e6, 3) if len(lags) else None

    def _matching(self, query: FleetQuery) -> NDArray[Any]:
        columns = self._columns
        found = np.isin(columns.state, [_STATES.index(state) for state in query.states])
        if query.min_severity is not None:
            found &= self._severity >= _SEVERITIES.index(query.min_severity)
        if query.charging is not None:
            found &= self._charging == query.charging
        if query.vins is not None:
            found &= np.fromiter((vin in query.vins for vin in columns.vins), bool, len(columns.vins))
        if query.q is not None:
            found &= np.fromiter((query.q in vin for vin in columns.vins), bool, len(columns.vins))
        return np.flatnonzero(found)

    def _order(self, chosen: NDArray[Any], query: FleetQuery) -> NDArray[Any]:
        """Sort by the key, then by VIN; a null is a NaN, which NumPy sorts last, negated too."""
        if query.sort is Sort.ALERT:
            # A thermal event first in either order; of equal severity, the one that began last.
            severity = self._severity[chosen]
            rank = np.where(
                self._worst[chosen] == _LATCHED, _LATCHED, -severity if not query.descending else severity
            )
            worst_first: NDArray[Any] = np.lexsort((-self._since[chosen], -rank))
            return worst_first
        keys = self._keys(query.sort)[chosen]
        order: NDArray[Any] = np.argsort(-keys if query.descending else keys, kind="stable")
        return order

    def _keys(self, sort: Sort) -> NDArray[Any]:
        columns = self._columns
        voltage, current = (columns.signals[name] for name in ("pack_voltage", "pack_current"))
        power = np.where(
            columns.are_together("pack_voltage", "pack_current", POWER_SPAN), voltage * current, np.nan
        )
        keys = {
            Sort.VIN: np.arange(len(columns.vins)),
            Sort.POWER_KW: (power / 1000).round(4),
            Sort.TS: columns.ts,
            Sort.RECEIVED_AT: columns.received_at,
        }
        return keys[sort] if sort in keys else columns.signals[sort]

    def _vehicles(self, indices: NDArray[Any]) -> Sequence[dict[str, Any]]:
        rows, charging = self._columns.rows(indices), self._charging[indices].tolist()
        return [
            listed_vehicle(row, self._thresholds)
            | {"charging": charges}
            | self._episodes.get(row[0], NO_EPISODES).fields()
            for row, charges in zip(rows, charging, strict=True)
        ]
