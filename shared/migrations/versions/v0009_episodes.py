"""Episodes of the whole fleet, the outbox of messages about them, and names, groups and plates of vehicles.

New tables, and columns without a default: a program of version 0008 goes on working, and does not use them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = (
    "episodes",
    "episode_messages",
    "message_deliveries",
    "alert_vehicles",
    "alert_shares",
    "alert_workers",
)
_TEXTS = {"name": 100, "group": 100, "plate": 40}
_EVENTS = "('opened', 'worse', 'repeated', 'acknowledged', 'closed', 'withdrawn')"


def upgrade() -> None:
    """Create the tables, and add the columns."""
    _create_episodes()
    _create_messages()
    _create_claims()
    for name, most in _TEXTS.items():
        op.add_column("vehicle_profiles", sa.Column(name, sa.Text))
        op.create_check_constraint(
            f"vehicle_profiles_{name}_check", "vehicle_profiles", f'length("{name}") BETWEEN 1 AND {most}'
        )


def downgrade() -> None:
    """Drop the tables and the columns."""
    for table in _TABLES:
        op.drop_table(table)
    for name in _TEXTS:
        op.drop_column("vehicle_profiles", name)


def _vin() -> sa.Column[Any]:
    return sa.Column("vin", sa.Text(collation="C"), nullable=False)


def _time(name: str, comment: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def _create_episodes() -> None:
    op.create_table(
        "episodes",
        _vin(),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False, comment="the worst inside"),
        _time("started_at", "the vehicle's clock", nullable=False),
        sa.Column("start_known", sa.Boolean, nullable=False),
        _time("ended_at", "the vehicle's clock, null while it is active"),
        sa.Column("peak", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        _time("opened_at", "our clock", nullable=False),
        _time("worsened_at", "our clock, at the last rise of the severity"),
        _time("closed_at", "our clock, null while it is open"),
        _time(
            "changed_at", "our clock, at the last opening, rise of the severity, or closing", nullable=False
        ),
        sa.Column(
            "withdrawn",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("false"),
            comment="late data disproved it",
        ),
        _time("acknowledged_at", "our clock"),
        sa.Column("acknowledged_by", sa.Text),
        _time("muted_until", "our clock"),
        sa.Column(
            "notes", JSONB, nullable=False, server_default=sa.text("'[]'"), comment="at, by and text of each"
        ),
        sa.PrimaryKeyConstraint("vin", "id", name="episodes_pkey"),
        sa.CheckConstraint("length(vin) BETWEEN 5 AND 40 AND vin !~ '[^A-Z0-9-]'", name="episodes_vin_check"),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="episodes_severity_check"),
        sa.CheckConstraint("ended_at >= started_at", name="episodes_ended_at_check"),
        sa.CheckConstraint("jsonb_typeof(notes) = 'array'", name="episodes_notes_check"),
        comment="faults of all vehicles from their start to their end, as the alert worker found them",
    )
    op.create_index("episodes_id_idx", "episodes", ["id"])
    op.create_index("episodes_started_at_idx", "episodes", ["started_at", "id"])
    op.create_index("episodes_changed_at_idx", "episodes", ["changed_at"])
    op.create_index("episodes_open_idx", "episodes", ["vin"], postgresql_where=sa.text("closed_at IS NULL"))


def _create_messages() -> None:
    op.create_table(
        "episode_messages",
        _vin(),
        sa.Column(
            "id", sa.Uuid, nullable=False, comment="also the key by which a receiver finds a repetition"
        ),
        sa.Column("episode_id", sa.Uuid, nullable=False),
        sa.Column(
            "number", sa.Integer, nullable=False, comment="1, 2, ... in the order of the episode's messages"
        ),
        sa.Column("event", sa.Text, nullable=False),
        _time("at", "our clock", nullable=False),
        sa.Column("body", JSONB, nullable=False, comment="the episode at that moment"),
        _time("routed_at", "our clock, when its deliveries were written; null: not yet"),
        sa.PrimaryKeyConstraint("vin", "id", name="episode_messages_pkey"),
        sa.CheckConstraint(f"event IN {_EVENTS}", name="episode_messages_event_check"),
        sa.CheckConstraint("jsonb_typeof(body) = 'object'", name="episode_messages_body_check"),
        comment="the outbox: written by the transaction that changes the episode",
    )
    op.create_index(
        "episode_messages_number_idx", "episode_messages", ["vin", "episode_id", "number"], unique=True
    )
    op.create_index(
        "episode_messages_unrouted_idx",
        "episode_messages",
        ["at"],
        postgresql_where=sa.text("routed_at IS NULL"),
    )
    op.create_index("episode_messages_at_idx", "episode_messages", ["at"])
    op.create_table(
        "message_deliveries",
        _vin(),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("route", sa.Text, nullable=False, comment="name of the route"),
        sa.Column("target", sa.Text, nullable=False, comment="of the route, without its secrets"),
        sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        _time("next_attempt_at", "our clock; null where there is none to come"),
        sa.Column("last_error", sa.Text),
        _time("sent_at", "our clock"),
        sa.PrimaryKeyConstraint("vin", "message_id", "route", "target", name="message_deliveries_pkey"),
        sa.CheckConstraint(
            "state IN ('pending', 'held', 'sent', 'summed', 'skipped', 'failed')",
            name="message_deliveries_state_check",
        ),
        sa.CheckConstraint("attempts >= 0", name="message_deliveries_attempts_check"),
        comment="each message to each target of each route that wants it",
    )
    op.create_index(
        "message_deliveries_due_idx",
        "message_deliveries",
        ["next_attempt_at"],
        postgresql_where=sa.text("state IN ('pending', 'held')"),
    )


def _create_claims() -> None:
    op.create_table(
        "alert_vehicles",
        _vin(),
        sa.Column("judged_version", sa.BigInteger, comment="xmin of the vehicle's row in vehicle_latest"),
        _time("judged_until", "ts of the newest reading that was judged"),
        _time("judged_at", "our clock"),
        _time("whole_at", "our clock, when all that the rules need was judged"),
        _time("watched_from", "ts; readings from here on ..."),
        _time("watched_to", "... to here are counted, so that a late one is seen"),
        sa.Column("watched_number", sa.BigInteger, comment="of readings and values there"),
        sa.PrimaryKeyConstraint("vin", name="alert_vehicles_pkey"),
        comment="how far each vehicle is judged; behind by some minutes while nothing is found",
    )
    op.create_table(
        "alert_shares",
        sa.Column(
            "share",
            sa.SmallInteger,
            nullable=False,
            autoincrement=False,
            comment="crc32 of the VIN, modulo 64",
        ),
        sa.Column("claimed_by", sa.Text),
        _time("claimed_until", "our clock: from then on, any worker may claim it"),
        sa.PrimaryKeyConstraint("share", name="alert_shares_pkey"),
        sa.CheckConstraint("share BETWEEN 0 AND 63", name="alert_shares_share_check"),
        comment="which alert worker judges which vehicles",
    )
    op.create_table(
        "alert_workers",
        sa.Column("name", sa.Text, nullable=False),
        _time("seen_until", "our clock: from then on, it is taken as gone", nullable=False),
        sa.PrimaryKeyConstraint("name", name="alert_workers_pkey"),
        comment="the alert workers that run: each claims its part of the shares",
    )
