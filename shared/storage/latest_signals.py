"""The newest value of each signal of a vehicle, merged in any order.

A row of `vehicle_latest` holds the ts of the newest reading, and for each signal its newest value. `soc_at`
is the value's own ts where that is not the row's: a vehicle that sends whole readings has nulls there, and
its row stays narrow.
"""

from shared.wire.reading import SIGNALS

VALUE_TS = tuple(f"{name}_at" for name in SIGNALS)
"""Columns of `vehicle_latest` that hold the ts of a value older than the row's."""


_NEWEST_TIMES = (
    "ts = greatest(old.ts, excluded.ts)",
    "received_at = greatest(old.received_at, excluded.received_at)",
)


def merge_assignments() -> str:
    """Return the SET list of an upsert of `vehicle_latest AS old` that keeps the newer values."""
    parts = [*_NEWEST_TIMES]
    for name in SIGNALS:
        mine, theirs = f"coalesce(excluded.{name}_at, excluded.ts)", f"coalesce(old.{name}_at, old.ts)"
        is_newer = f"excluded.{name} IS NOT NULL AND (old.{name} IS NULL OR {mine} > {theirs})"
        # greatest() takes no notice of the time of a value that is null.
        value_ts = (
            f"greatest(CASE WHEN excluded.{name} IS NOT NULL THEN {mine} END,"
            f" CASE WHEN old.{name} IS NOT NULL THEN {theirs} END)"
        )
        parts.append(f"{name} = CASE WHEN {is_newer} THEN excluded.{name} ELSE old.{name} END")
        parts.append(f"{name}_at = nullif({value_ts}, greatest(old.ts, excluded.ts))")
    return ", ".join(parts)


def merge_whole_assignments() -> str:
    """Return the SET list for incoming rows whose values are all of their ts, and none of them null.

    Nearly always they are newer than the stored row, which the first test of each CASE finds.
    """
    parts = [*_NEWEST_TIMES]
    for name in SIGNALS:
        is_missing_or_older = f"old.{name} IS NULL OR excluded.ts > old.{name}_at"
        parts.append(
            f"{name} = CASE WHEN excluded.ts > old.ts OR {is_missing_or_older}"
            f" THEN excluded.{name} ELSE old.{name} END"
        )
        parts.append(
            f"{name}_at = CASE WHEN excluded.ts >= old.ts THEN NULL"
            f" WHEN {is_missing_or_older} THEN excluded.ts ELSE old.{name}_at END"
        )
    return ", ".join(parts)
