"""The newest value of each signal of a vehicle, merged in any order.

A row of `vehicle_latest` holds the ts of the newest reading, and for each signal its newest value. `soc_at`
is the value's own ts where that is not the row's: a vehicle that sends whole readings has nulls there, and
its row stays narrow.
"""

from shared.wire.reading import SIGNALS

VALUE_TS = tuple(f"{name}_at" for name in SIGNALS)
"""Columns of `vehicle_latest` that hold the ts of a value older than the row's."""


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
