"""The status that each vehicle announces: online or offline."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "vehicle_status",
        sa.Column("vin", sa.Text(collation="C"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="our clock, when this status was first told",
        ),
        sa.PrimaryKeyConstraint("vin", name="vehicle_status_pkey"),
        sa.CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="vehicle_status_vin_check"),
        sa.CheckConstraint("status IN ('online', 'offline')", name="vehicle_status_status_check"),
        comment="what each vehicle, or the broker in its place, said of it last",
    )
