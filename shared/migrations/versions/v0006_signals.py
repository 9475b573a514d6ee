"""The newest value of each signal; hours and days are computed after the transaction that stores readings.

Locks that readers or writers wait for are held for an instant, with any number of readings: for columns
without a default, for renamed tables, and for an update of the vehicles whose newest reading lacks a signal.
The rows of that update are found before, under no such lock, by way of the hours.

`telemetry_hourly` and `telemetry_daily` become views with the same columns, and the same contents at every
moment. A program of version 0005 goes on reading them. Its writes end with an error, and it stores nothing
until it is replaced: the readings wait at the broker.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SIGNALS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
# A product that is too small for a double is an error in PostgreSQL.
POWER = """
    CASE WHEN abs(pack_voltage) >= 1e-100 AND abs(pack_current) >= 1e-100
    THEN pack_voltage * pack_current / 1000
    WHEN pack_voltage IS NOT NULL AND pack_current IS NOT NULL THEN 0.0::float8 END
"""
SERIES = {name: name for name in SIGNALS} | {"power_kw": POWER}
FIGURES = ", ".join(
    f"count({value})::integer AS {name}_n, min({value}) AS {name}_min, max({value}) AS {name}_max,"
    f" coalesce(sum({value}), 0) AS {name}_sum"
    for name, value in SERIES.items()
)
HOUR_COLUMNS = ", ".join(
    (
        "vin",
        "hour",
        "samples",
        *(f"{name}_{figure}" for name in SERIES for figure in ("n", "min", "max", "sum")),
    )
)
# PostgreSQL 18 gives these constraints names.
RENAME_NOT_NULL = """
    DO $$
    DECLARE old text;
    BEGIN
        FOR old IN
            SELECT conname FROM pg_constraint
            WHERE conrelid = '{new}'::regclass AND contype = 'n' AND conname LIKE '{old}%'
        LOOP
            EXECUTE format(
                'ALTER TABLE {new} RENAME CONSTRAINT %I TO %I', old, replace(old, '{old}', '{new}')
            );
        END LOOP;
    END $$
"""
NOT_CLOSED = "SELECT vin, hour FROM open_hours UNION SELECT vin, hour FROM closing_hours"


def upgrade() -> None:
    """Add columns and tables, rename two tables, and put views in their places."""
    _keep_latest_signals()
    _create_open_hours()
    for table, new, key in (("hourly", "hours", "hour"), ("daily", "days", "day")):
        op.execute(f"ALTER TABLE telemetry_{table} RENAME TO closed_{new}")
        op.execute(f"ALTER INDEX telemetry_{table}_pkey RENAME TO closed_{new}_pkey")
        # A closed hour is seldom computed anew.
        op.execute(f"ALTER TABLE closed_{new} RESET (fillfactor)")
        op.execute(RENAME_NOT_NULL.format(old=f"telemetry_{table}", new=f"closed_{new}"))
        op.execute(f"COMMENT ON COLUMN closed_{new}.{key} IS 'its start{', UTC' if key == 'day' else ''}'")
    op.execute(
        "COMMENT ON TABLE closed_hours IS"
        " 'each vehicle''s readings by the hour; out of date where the hour is open or closing'"
    )
    op.execute(
        "COMMENT ON TABLE closed_days IS 'the figures of a summary by the day; out of date where an hour of"
        " the day is open or closing'"
    )
    op.execute("COMMENT ON TABLE vehicle_profiles IS 'facts about a vehicle that its readings do not tell'")
    op.execute(
        "COMMENT ON TABLE vehicle_status IS 'the last status of each vehicle, by itself or its last will'"
    )
    op.execute(
        "COMMENT ON COLUMN vehicle_status.received_at IS 'our clock, at the first arrival of this status'"
    )
    _create_views()


def _keep_latest_signals() -> None:
    _find_latest_signals()
    op.drop_constraint("vehicle_latest_vin_check", "vehicle_latest")
    for name in SIGNALS:
        op.add_column(
            "vehicle_latest",
            sa.Column(
                f"{name}_at",
                sa.DateTime(timezone=True),
                comment="ts of the value, null where it is the row's",
            ),
        )
    op.execute(
        "COMMENT ON TABLE vehicle_latest IS 'the newest value of each signal of each vehicle, kept by"
        " the transaction that stores it'"
    )
    op.execute("COMMENT ON COLUMN vehicle_latest.ts IS 'of the newest reading'")
    op.execute("COMMENT ON COLUMN vehicle_latest.received_at IS 'our clock, at the last arrival'")
    for name in SIGNALS:
        op.execute(f"""
            UPDATE vehicle_latest AS latest SET {name} = found.value, {name}_at = found.ts
            FROM latest_signals_found AS found
            WHERE found.signal = '{name}' AND latest.vin = found.vin
                AND latest.{name} IS NULL AND latest.ts > found.ts
        """)  # noqa: S608 - our own columns
    op.execute("DROP TABLE latest_signals_found")


def _find_latest_signals() -> None:
    op.execute(
        "CREATE TEMPORARY TABLE latest_signals_found"
        ' (vin text COLLATE "C", signal text, value double precision, ts timestamptz)'
    )
    for name in SIGNALS:
        # The hours tell where the newest value lies: no history is scanned for a signal that never came.
        op.execute(f"""
            INSERT INTO latest_signals_found
            SELECT lacking.vin, '{name}', found.{name}, found.ts
            FROM vehicle_latest AS lacking
            CROSS JOIN LATERAL (
                SELECT hour FROM telemetry_hourly AS hours
                WHERE hours.vin = lacking.vin AND {name}_n > 0 ORDER BY hour DESC LIMIT 1
            ) AS newest
            CROSS JOIN LATERAL (
                SELECT {name}, ts FROM telemetry
                WHERE telemetry.vin = lacking.vin AND {name} IS NOT NULL
                    AND ts >= newest.hour AND ts < newest.hour + interval '1 hour'
                ORDER BY ts DESC LIMIT 1
            ) AS found
            WHERE lacking.{name} IS NULL
        """)  # noqa: S608 - our own columns


def _create_open_hours() -> None:
    op.create_table(
        "open_hours",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="its start"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("vin", "hour", name="open_hours_pkey"),
        sa.CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="open_hours_vin_check"),
        comment="hours with readings that closed_hours may lack: they are taken from the readings",
    )
    op.create_table(
        "closing_hours",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="its start"),
        sa.PrimaryKeyConstraint("vin", "hour", name="closing_hours_pkey"),
        comment="hours that are about to be computed, as soon as no transaction adds to them without a mark",
    )


def _create_views() -> None:
    op.execute(f"""
        CREATE VIEW telemetry_hourly AS
        SELECT {HOUR_COLUMNS} FROM closed_hours AS closed
        WHERE NOT EXISTS (SELECT FROM open_hours AS o WHERE o.vin = closed.vin AND o.hour = closed.hour)
            AND NOT EXISTS (SELECT FROM closing_hours AS c WHERE c.vin = closed.vin AND c.hour = closed.hour)
        UNION ALL
        SELECT not_closed.vin, not_closed.hour, figures.*
        FROM ({NOT_CLOSED}) AS not_closed
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS samples, {FIGURES} FROM telemetry
            WHERE telemetry.vin = not_closed.vin
                AND ts >= not_closed.hour AND ts < not_closed.hour + interval '1 hour'
            HAVING count(*) > 0
        ) AS figures
    """)  # noqa: S608 - our own columns
    op.execute("COMMENT ON VIEW telemetry_hourly IS 'each vehicle''s readings by the hour, of this moment'")
    op.execute(f"""
        CREATE VIEW telemetry_daily AS
        SELECT vin, day, samples, soc_min, soc_max, max_temp_max, min_temp_min FROM closed_days AS closed
        WHERE NOT EXISTS (
                SELECT FROM open_hours AS o
                WHERE o.vin = closed.vin AND o.hour >= closed.day AND o.hour < closed.day + interval '1 day'
            )
            AND NOT EXISTS (
                SELECT FROM closing_hours AS c
                WHERE c.vin = closed.vin AND c.hour >= closed.day AND c.hour < closed.day + interval '1 day'
            )
        UNION ALL
        SELECT not_closed.vin, not_closed.day, figures.*
        FROM (SELECT DISTINCT vin, date_trunc('day', hour, 'UTC') AS day FROM ({NOT_CLOSED}) AS hours)
            AS not_closed
        CROSS JOIN LATERAL (
            SELECT sum(samples)::integer AS samples, min(soc_min), max(soc_max), max(max_temp_max),
                min(min_temp_min)
            FROM telemetry_hourly AS hours
            WHERE hours.vin = not_closed.vin AND hours.hour >= not_closed.day
                AND hours.hour < not_closed.day + interval '1 day'
            HAVING count(*) > 0
        ) AS figures
    """)  # noqa: S608 - our own columns
    op.execute("COMMENT ON VIEW telemetry_daily IS 'the figures of a summary by the day, of this moment'")
