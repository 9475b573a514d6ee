"""Vehicle profiles and duplicate counts, which diagnostics need in addition to readings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RANGES = {
    "series_cells": (1, 2000),
    "capacity_ah": (0.1, 10000),
    "energy_kwh": (0.1, 10000),
    "max_discharge_a": (1, 3000),
    "max_charge_a": (1, 3000),
}


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "duplicate_counts",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False, comment="of their ts: its start, UTC"),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("vin", "day", name="duplicate_counts_pkey"),
        comment="readings that came again with the same values; they can't be counted from what is stored",
    )
    op.create_table(
        "vehicle_profiles",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("series_cells", sa.Integer),
        sa.Column("chemistry", sa.Text),
        sa.Column("capacity_ah", sa.Double, comment="Ah"),
        sa.Column("energy_kwh", sa.Double, comment="kWh"),
        sa.Column("max_discharge_a", sa.Double, comment="A"),
        sa.Column("max_charge_a", sa.Double, comment="A"),
        sa.Column("first_use_date", sa.Date),
        sa.Column(
            "current_sign",
            sa.SmallInteger,
            nullable=False,
            comment="-1: the source's charging current is positive",
        ),
        sa.PrimaryKeyConstraint("vin", name="vehicle_profiles_pkey"),
        sa.CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="vehicle_profiles_vin_check"),
        sa.CheckConstraint("chemistry IN ('NMC', 'LFP', 'NCA')", name="vehicle_profiles_chemistry_check"),
        sa.CheckConstraint("current_sign IN (-1, 1)", name="vehicle_profiles_current_sign_check"),
        *(
            sa.CheckConstraint(f"{name} BETWEEN {low} AND {high}", name=f"vehicle_profiles_{name}_check")
            for name, (low, high) in RANGES.items()
        ),
        comment="what a person told us of a vehicle beyond its readings",
    )
