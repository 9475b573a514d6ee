"""Readings, latest readings and rejections.

Written out and not imported from `shared.storage.tables`: a migration must not change with the code.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SIGNALS = {
    "soc": "soc BETWEEN 0 AND 100",
    "soh": "soh BETWEEN 0 AND 100",
    "pack_voltage": "pack_voltage BETWEEN 0 AND 6000",
    "pack_current": "pack_current BETWEEN -3000 AND 3000",
    "max_temp": "max_temp BETWEEN -40 AND 210",
    "min_temp": "min_temp BETWEEN -40 AND 210",
    "odo_km": "odo_km BETWEEN 0 AND 999999.9",
}


def upgrade() -> None:
    """Create the three tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "telemetry",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("ts", moment, nullable=False, comment="the vehicle's clock"),
        sa.Column("received_at", moment, nullable=False, comment="our clock"),
        *(sa.Column(name, sa.Double) for name in SIGNALS),
        sa.PrimaryKeyConstraint("vin", "ts", name="telemetry_pkey"),
        sa.CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="telemetry_vin_check"),
        sa.CheckConstraint("ts >= '2000-01-01 00:00:00+00'", name="telemetry_ts_check"),
        sa.CheckConstraint(f"num_nonnulls({', '.join(SIGNALS)}) > 0", name="telemetry_signal_check"),
        *(sa.CheckConstraint(text, name=f"telemetry_{name}_check") for name, text in SIGNALS.items()),
    )
    op.create_table(
        "vehicle_latest",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("ts", moment, nullable=False),
        sa.Column("received_at", moment, nullable=False),
        *(sa.Column(name, sa.Double) for name in SIGNALS),
        sa.PrimaryKeyConstraint("vin", name="vehicle_latest_pkey"),
        comment="the reading with the newest ts of each vehicle, kept by the transaction that stores it",
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "rejections",
        sa.Column(
            "vin",
            sa.Text(collation="C"),
            nullable=False,
            comment="upper case, or empty where the topic names none",
        ),
        sa.Column(
            "id", sa.Uuid, nullable=False, comment="made from topic, payload and index: the same is kept once"
        ),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("index", sa.Integer, comment="place in the array, null for a whole message"),
        sa.Column("topic", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False, comment="as it was received"),
        sa.PrimaryKeyConstraint("vin", "id", name="rejections_pkey"),
        comment="messages and readings that could not be stored, and why",
    )
    op.create_index("rejections_received_at_idx", "rejections", ["received_at", "id"])
