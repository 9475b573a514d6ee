"""Birth certificates of Sparkplug devices, messages stored by packet id, and the topic filters of sessions.

Tables only, each of them new: a program of version 0006 goes on working, and does not use them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "sparkplug_births",
        sa.Column(
            "node", sa.Text(collation="C"), nullable=False, comment="group/edge/device, as in the topic"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, comment="our clock"),
        sa.Column(
            "metrics",
            JSONB,
            nullable=False,
            comment="name, alias or null, and datatype or null of each metric",
        ),
        sa.PrimaryKeyConstraint("node", name="sparkplug_births_pkey"),
        sa.CheckConstraint("octet_length(node) BETWEEN 5 AND 500", name="sparkplug_births_node_check"),
        sa.CheckConstraint("jsonb_typeof(metrics) = 'array'", name="sparkplug_births_metrics_check"),
        comment="the last birth certificate of each Sparkplug device: later messages may name no metric",
    )
    op.create_table(
        "mqtt_arrivals",
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("packet_id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, comment="of topic and payload"),
        sa.Column(
            "ts",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="that the message's values are stored with",
        ),
        sa.PrimaryKeyConstraint("client_id", "packet_id", name="mqtt_arrivals_pkey"),
        sa.CheckConstraint("length(client_id) BETWEEN 1 AND 65535", name="mqtt_arrivals_client_id_check"),
        sa.CheckConstraint("packet_id BETWEEN 1 AND 65535", name="mqtt_arrivals_packet_id_check"),
        sa.CheckConstraint("octet_length(digest) BETWEEN 8 AND 64", name="mqtt_arrivals_digest_check"),
        comment="QoS 1 messages without a time of their own that are stored, by packet id: the last of each",
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "mqtt_filters",
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("filter", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "filter", name="mqtt_filters_pkey"),
        sa.CheckConstraint("length(client_id) BETWEEN 1 AND 65535", name="mqtt_filters_client_id_check"),
        sa.CheckConstraint("length(filter) BETWEEN 1 AND 65535", name="mqtt_filters_filter_check"),
        comment="topic filters that a session at the broker has: those no longer wanted are given up",
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("sparkplug_births", "mqtt_arrivals", "mqtt_filters"):
        op.drop_table(table)
