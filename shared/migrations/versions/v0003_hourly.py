"""Hourly and daily rollups; the characters of a VIN are checked once a batch, not once a reading."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A product that is too small for a double is an error in PostgreSQL: it is 0 here, as in
# shared/storage/hourly_rollup.py. This file can't import that: a migration must not change with the code.
POWER = """
    CASE WHEN abs(pack_voltage) >= 1e-100 AND abs(pack_current) >= 1e-100
    THEN pack_voltage * pack_current / 1000
    WHEN pack_voltage IS NOT NULL AND pack_current IS NOT NULL THEN 0.0::float8 END
"""
SERIES = {
    "soc": "soc",
    "soh": "soh",
    "pack_voltage": "pack_voltage",
    "pack_current": "pack_current",
    "max_temp": "max_temp",
    "min_temp": "min_temp",
    "odo_km": "odo_km",
    "power_kw": POWER,
}
FIGURES = ("count({0})", "min({0})", "max({0})", "coalesce(sum({0}), 0)")


def upgrade() -> None:
    """Create the tables and fill them from the stored readings; writers wait meanwhile."""
    op.execute("LOCK TABLE telemetry IN SHARE MODE")
    op.drop_constraint("telemetry_vin_check", "telemetry")
    # The old rows passed the stricter check.
    op.create_check_constraint("telemetry_vin_check", "telemetry", "length(vin) BETWEEN 5 AND 40")
    op.create_check_constraint("vehicle_latest_vin_check", "vehicle_latest", "vin ~ '^[A-Z0-9-]{5,40}$'")
    op.create_table(
        "telemetry_hourly",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="its start"),
        sa.Column("samples", sa.Integer, nullable=False, comment="readings"),
        *(column for name in SERIES for column in _columns(name)),
        sa.PrimaryKeyConstraint("vin", "hour", name="telemetry_hourly_pkey"),
        comment="each vehicle's readings by the hour, kept by the transaction that stores them",
        postgresql_with={"fillfactor": 50},
    )
    figures = ", ".join(figure.format(value) for value in SERIES.values() for figure in FIGURES)
    op.execute(
        f"INSERT INTO telemetry_hourly SELECT vin, date_trunc('hour', ts, 'UTC'), count(*), {figures}"  # noqa: S608
        " FROM telemetry GROUP BY 1, 2"
    )
    op.create_table(
        "telemetry_daily",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False, comment="its start, UTC"),
        sa.Column("samples", sa.Integer, nullable=False, comment="readings"),
        *(sa.Column(name, sa.Double) for name in ("soc_min", "soc_max", "max_temp_max", "min_temp_min")),
        sa.PrimaryKeyConstraint("vin", "day", name="telemetry_daily_pkey"),
        comment="what a summary asks of telemetry_hourly, by the day: a year in 365 narrow rows",
        postgresql_with={"fillfactor": 50},
    )
    op.execute(
        "INSERT INTO telemetry_daily SELECT vin, date_trunc('day', hour, 'UTC'), sum(samples), min(soc_min),"
        " max(soc_max), max(max_temp_max), min(min_temp_min) FROM telemetry_hourly GROUP BY 1, 2"
    )


def _columns(name: str) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column(f"{name}_n", sa.Integer, nullable=False),
        sa.Column(f"{name}_min", sa.Double),
        sa.Column(f"{name}_max", sa.Double),
        sa.Column(f"{name}_sum", sa.Double, nullable=False),
    )
