"""Counts of duplicate readings, which can't be derived from the stored readings."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, text

from shared.storage.tables import duplicate_counts
from shared.wire.reading import Row

# In the order of the key: two writers that count the same vehicles would deadlock.
_ADD = text(f"""
    INSERT INTO {duplicate_counts.name} AS known (vin, day, duplicates)
    SELECT vin, day, duplicates
    FROM unnest(CAST(:vins AS text[]), CAST(:days AS timestamptz[]), CAST(:numbers AS bigint[]))
        AS counted (vin, day, duplicates)
    ORDER BY vin COLLATE "C", day
    ON CONFLICT (vin, day) DO UPDATE SET duplicates = known.duplicates + excluded.duplicates
""")  # noqa: S608 - of our own table


def count_duplicates(connection: Connection, rows: Iterable[Row]) -> None:
    """Add these duplicate readings to the counts of their vehicles and days (UTC)."""
    number = Counter((row.vin, row.ts.replace(hour=0, minute=0, second=0, microsecond=0)) for row in rows)
    if number:
        vins, days = zip(*number, strict=True)
        connection.execute(_ADD, {"vins": list(vins), "days": list(days), "numbers": list(number.values())})
