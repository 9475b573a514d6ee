"""Vehicles whose newest values may have an alert, as arrays: in a bad hour they are the whole fleet."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from api.db.pool import Connection
from api.queries.right_clocks import VEHICLE_STATES
from shared.access.scope import Scope
from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import ALERT_SIGNALS, any_alert_sql, mildest_limits
from shared.storage.numpy_columns import Microseconds, load_as_arrays
from shared.value_ages import TEMPERATURE_AGE, TEMPERATURES


def _of_now(signal: str) -> str:
    """Select the value of a signal that takes part in alerts; one that is too old counts as null."""
    if signal not in TEMPERATURES:
        return signal
    return f"CASE WHEN ts - coalesce({signal}_at, ts) <= %(age)s THEN {signal} END"


def _query(condition: str) -> str:
    return f"""
    SELECT string_agg(vin, ' '), array_agg(ts),
        {", ".join(f"array_agg(coalesce({signal}, 'NaN'))" for signal in ALERT_SIGNALS)}
    FROM (
        SELECT vin, ts, {", ".join(f"{_of_now(signal)} AS {signal}" for signal in ALERT_SIGNALS)}
        FROM {VEHICLE_STATES} AS latest
        WHERE ({any_alert_sql()}) AND {condition} ORDER BY vin
    ) AS suspects
"""  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True)
class Suspects:
    """Newest values of vehicles that may have an alert, in order of VIN; NaN stands for null."""

    vins: list[str]
    ts: NDArray[Any]
    """Microseconds since 1970."""
    signals: dict[str, NDArray[Any]]
    """The signals that alerts judge, without temperatures that are too old for it."""


async def suspects(connection: Connection, scope: Scope, thresholds: AlertThresholds) -> Suspects | None:
    """Select the vehicles of a scope that may have an alert, in a scan of the fleet; None where none has."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Microseconds)
    values = {"age": TEMPERATURE_AGE, **mildest_limits(thresholds), **scope.parameters()}
    await cursor.execute(_query(scope.condition()), values)
    found = await cursor.fetchone()
    if found is None or found[0] is None:
        return None
    vins, ts, *signals = found
    return Suspects(vins.split(), ts, dict(zip(ALERT_SIGNALS, signals, strict=True)))
