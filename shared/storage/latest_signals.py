"""The newest value of each signal of a vehicle, merged in any order.

A row of `vehicle_latest` holds the ts of the newest reading, and for each signal its newest value. `soc_at`
is the value's own ts where that is not the row's: a vehicle that sends whole readings has nulls there, and
its row stays narrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from shared.wire.reading import FIRST_SIGNAL, SIGNALS, Row

VALUE_TS = tuple(f"{name}_at" for name in SIGNALS)
"""Columns of `vehicle_latest` that hold the ts of a value older than the row's."""

_ARRIVAL = itemgetter(2)


def merge_assignments() -> str:
    """Return the SET list of an upsert of `vehicle_latest AS known` that keeps the newer values."""
    parts = [
        "ts = greatest(known.ts, excluded.ts)",
        "received_at = greatest(known.received_at, excluded.received_at)",
    ]
    for name in SIGNALS:
        is_newer = (
            f"excluded.{name} IS NOT NULL AND (known.{name} IS NULL"
            f" OR coalesce(excluded.{name}_at, excluded.ts) > coalesce(known.{name}_at, known.ts))"
        )
        value_ts = f"""
            CASE WHEN {is_newer} THEN coalesce(excluded.{name}_at, excluded.ts)
                WHEN known.{name} IS NOT NULL THEN coalesce(known.{name}_at, known.ts) END
        """
        parts.append(f"{name} = CASE WHEN {is_newer} THEN excluded.{name} ELSE known.{name} END")
        parts.append(f"{name}_at = nullif({value_ts}, greatest(known.ts, excluded.ts))")
    return ", ".join(parts)


def latest_of_each(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the rows of `vehicle_latest` that follow from these readings alone.

    `rows` are in the order of (vin, ts), each key once; so are the results. They lack the columns VALUE_TS
    where each value is of its vehicle's newest reading.
    """
    newest = {row.vin: row for row in rows}
    arrivals = _last_arrivals(rows, newest)
    incomplete = {vin: row.ts for vin, row in newest.items() if None in row}
    if not incomplete:
        return [(vin, row.ts, arrivals[vin], *row[FIRST_SIGNAL:]) for vin, row in newest.items()]
    signals = _newest_signals(rows, incomplete)
    nulls = (None,) * len(SIGNALS)
    found = []
    for vin, row in newest.items():
        values, times = signals.get(vin) or (row[FIRST_SIGNAL:], nulls)
        found.append((vin, row.ts, arrivals[vin], *values, *times))
    return found


def _last_arrivals(rows: Sequence[Row], newest: dict[str, Row]) -> dict[str, datetime]:
    times = set(map(_ARRIVAL, rows))
    if len(times) == 1:
        return dict.fromkeys(newest, times.pop())
    found: dict[str, datetime] = {}
    for row in rows:
        if row.vin not in found or found[row.vin] < row.received_at:
            found[row.vin] = row.received_at
    return found


def _newest_signals(
    rows: Iterable[Row], newest: Mapping[str, datetime]
) -> dict[str, tuple[list[Any], list[Any]]]:
    """Find the newest value of each signal of the vehicles in `newest`, and its ts where that is older."""
    found: dict[str, tuple[list[Any], list[Any]]] = {
        vin: ([None] * len(SIGNALS), [None] * len(SIGNALS)) for vin in newest
    }
    for row in rows:
        if row.vin not in found:
            continue
        values, times = found[row.vin]
        ts = None if row.ts == newest[row.vin] else row.ts
        for index, value in enumerate(row[FIRST_SIGNAL:]):
            if value is not None:
                values[index], times[index] = value, ts
    return found
