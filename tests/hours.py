"""Hours and latest signals in tests: closing at once, and what the readings say."""

from datetime import UTC, datetime

from shared.storage.close_hours import close_hours
from shared.wire.reading import SIGNALS


def close_all(engine):
    """Close every hour, the present one included."""
    close_hours(engine, now=datetime.now(UTC), quiet=None)


# Each signal with its own ts, by `vehicle_latest` and by the readings.
LATEST = "vin, ts, " + ", ".join(
    f"{name}, CASE WHEN {name} IS NOT NULL THEN coalesce({name}_at, ts) END" for name in SIGNALS
)
_NEWEST_OF_EACH = ", ".join(
    f"(array_agg({name} ORDER BY ts DESC) FILTER (WHERE {name} IS NOT NULL))[1],"
    f" max(ts) FILTER (WHERE {name} IS NOT NULL)"
    for name in SIGNALS
)
NEWEST = f"SELECT vin, max(ts), {_NEWEST_OF_EACH} FROM telemetry GROUP BY vin ORDER BY vin"
