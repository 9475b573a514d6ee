"""JSON answers built from rows, without a model in between; `schemas/` describes their shapes to OpenAPI.

Rows have the columns that the queries select; names are the wire names.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import alerts
from shared.storage.hourly_rollup import SERIES
from shared.value_ages import POWER_SPAN, TEMPERATURE_AGE, TEMPERATURES
from shared.wire.reading import SIGNALS, power_kw


def stored_reading(row: Sequence[Any]) -> dict[str, Any]:
    """Build a stored reading, with its power."""
    vin, ts, soc, soh, pack_voltage, pack_current, max_temp, min_temp, odo_km = row
    return {
        "vin": vin,
        "ts": ts,
        "soc": soc,
        "soh": soh,
        "pack_voltage": pack_voltage,
        "pack_current": pack_current,
        "power_kw": power_kw(pack_voltage, pack_current),
        "max_temp": max_temp,
        "min_temp": min_temp,
        "odo_km": odo_km,
    }


_SIGNALS_END = 2 + len(SIGNALS)


def vehicle_state(row: Sequence[Any], thresholds: AlertThresholds) -> dict[str, Any]:
    """Build the newest values of a vehicle from a row of LATEST, with their alerts.

    `as_of` holds the ts of each value that is older than `ts`, and is there only where one is.
    """
    state = stored_reading(row[:_SIGNALS_END])
    times = row[_SIGNALS_END:]
    judged = state
    if any(times):
        ts = state["ts"]
        as_of = {name: at for name, at in zip(SIGNALS, times, strict=True) if at is not None}
        if abs(as_of.get("pack_voltage", ts) - as_of.get("pack_current", ts)) > POWER_SPAN:
            state["power_kw"] = None
        old = {name: None for name in TEMPERATURES if ts - as_of.get(name, ts) > TEMPERATURE_AGE}
        judged = state | old
        state["as_of"] = as_of
    state["alerts"] = [alert._asdict() for alert in alerts(judged, thresholds)]
    return state


def listed_vehicle(row: Sequence[Any], thresholds: AlertThresholds) -> dict[str, Any]:
    """Build an entry of the fleet's list; `row` ends in the columns of the vehicle's connectivity."""
    *reading, received_at, state, since = row
    vehicle = vehicle_state(reading, thresholds)
    vehicle["received_at"] = received_at
    vehicle["connectivity"] = {"state": state, "since": since}
    return vehicle


def vehicle_connectivity(vin: str, row: Sequence[Any]) -> dict[str, Any]:
    """Build the connectivity of a vehicle, with the facts it follows from."""
    state, since, received_at, status, status_received_at = row
    return {
        "vin": vin,
        "state": state,
        "since": since,
        "received_at": received_at,
        "status": status,
        "status_received_at": status_received_at,
    }


def summary(vin: str, from_ts: datetime, to_ts: datetime, row: Sequence[Any]) -> dict[str, Any]:
    """Build the count and extremes of a vehicle's readings in a window."""
    samples, soc_min, soc_max, temp_max, temp_min = row
    return {
        "vin": vin,
        "from_ts": from_ts,
        "to_ts": to_ts,
        "samples": samples,
        "soc_min": soc_min,
        "soc_max": soc_max,
        "temp_max": temp_max,
        "temp_min": temp_min,
    }


def series(
    vin: str, from_ts: datetime, to_ts: datetime, interval: timedelta, rows: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """Build signals over time, column by column, as charts take them."""
    ts, samples, *figures = zip(*rows, strict=True) if rows else [()] * (2 + 3 * len(SERIES))
    spreads = zip(figures[::3], figures[1::3], figures[2::3], strict=True)
    return {
        "vin": vin,
        "from_ts": from_ts,
        "to_ts": to_ts,
        "interval_s": interval.total_seconds(),
        "ts": ts,
        "samples": samples,
        **{
            name: {"min": low, "mean": mean, "max": high}
            for name, (low, mean, high) in zip(SERIES, spreads, strict=True)
        },
    }
