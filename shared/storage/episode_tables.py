"""Tables of the alert worker: episodes of the whole fleet, the messages about them, and who judges whom."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.storage.table_metadata import metadata, time_column, vin_column

SHARES = 64
"""Number of shares that the vehicles are divided into; an alert worker claims whole shares."""

episodes = Table(
    "episodes",
    metadata,
    vin_column(),
    Column("id", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False, comment="the worst inside"),
    time_column("started_at", "the vehicle's clock", nullable=False),
    Column("start_known", Boolean, nullable=False),
    time_column("ended_at", "the vehicle's clock, null while it is active"),
    Column("peak", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("unit", Text, nullable=False),
    Column("detail", Text, nullable=False),
    time_column("opened_at", "our clock", nullable=False),
    time_column("worsened_at", "our clock, at the last rise of the severity"),
    time_column("closed_at", "our clock, null while it is open"),
    time_column(
        "changed_at", "our clock, at the last opening, rise of the severity, or closing", nullable=False
    ),
    Column(
        "withdrawn", Boolean, nullable=False, server_default=text("false"), comment="late data disproved it"
    ),
    time_column("acknowledged_at", "our clock"),
    Column("acknowledged_by", Text),
    time_column("muted_until", "our clock"),
    Column("notes", JSONB, nullable=False, server_default=text("'[]'"), comment="at, by and text of each"),
    PrimaryKeyConstraint("vin", "id", name="episodes_pkey"),
    CheckConstraint("length(vin) BETWEEN 5 AND 40 AND vin !~ '[^A-Z0-9-]'", name="episodes_vin_check"),
    CheckConstraint("severity IN ('info', 'warning', 'critical')", name="episodes_severity_check"),
    CheckConstraint("ended_at >= started_at", name="episodes_ended_at_check"),
    CheckConstraint("jsonb_typeof(notes) = 'array'", name="episodes_notes_check"),
    # Not unique: a unique index across vehicles would prevent distribution by vehicle.
    Index("episodes_id_idx", "id"),
    Index("episodes_started_at_idx", "started_at", "id"),
    Index("episodes_changed_at_idx", "changed_at"),
    Index("episodes_open_idx", "vin", postgresql_where=text("closed_at IS NULL")),
    comment="faults of all vehicles from their start to their end, as the alert worker found them",
)

_EVENTS = "('opened', 'worse', 'repeated', 'acknowledged', 'closed', 'withdrawn')"
episode_messages = Table(
    "episode_messages",
    metadata,
    vin_column(),
    Column("id", Uuid, nullable=False, comment="also the key by which a receiver finds a repetition"),
    Column("episode_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False, comment="1, 2, ... in the order of the episode's messages"),
    Column("event", Text, nullable=False),
    time_column("at", "our clock", nullable=False),
    Column("body", JSONB, nullable=False, comment="the episode at that moment"),
    time_column("routed_at", "our clock, when its deliveries were written; null: not yet"),
    PrimaryKeyConstraint("vin", "id", name="episode_messages_pkey"),
    CheckConstraint(f"event IN {_EVENTS}", name="episode_messages_event_check"),
    CheckConstraint("jsonb_typeof(body) = 'object'", name="episode_messages_body_check"),
    # Two transactions that number the messages of one episode alike: the second one fails.
    Index("episode_messages_number_idx", "vin", "episode_id", "number", unique=True),
    Index("episode_messages_unrouted_idx", "at", postgresql_where=text("routed_at IS NULL")),
    Index("episode_messages_at_idx", "at"),
    comment="the outbox: written by the transaction that changes the episode",
)

message_deliveries = Table(
    "message_deliveries",
    metadata,
    vin_column(),
    Column("message_id", Uuid, nullable=False),
    Column("route", Text, nullable=False, comment="name of the route"),
    Column("target", Text, nullable=False, comment="of the route, without its secrets"),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    time_column("next_attempt_at", "our clock; null where there is none to come"),
    Column("last_error", Text),
    time_column("sent_at", "our clock"),
    PrimaryKeyConstraint("vin", "message_id", "route", "target", name="message_deliveries_pkey"),
    CheckConstraint(
        "state IN ('pending', 'held', 'sent', 'summed', 'skipped', 'failed')",
        name="message_deliveries_state_check",
    ),
    CheckConstraint("attempts >= 0", name="message_deliveries_attempts_check"),
    Index(
        "message_deliveries_due_idx",
        "next_attempt_at",
        postgresql_where=text("state IN ('pending', 'held')"),
    ),
    comment="each message to each target of each route that wants it",
)

alert_vehicles = Table(
    "alert_vehicles",
    metadata,
    vin_column(),
    Column("judged_version", BigInteger, comment="xmin of the vehicle's row in vehicle_latest"),
    time_column("judged_until", "ts of the newest reading that was judged"),
    time_column("judged_at", "our clock"),
    time_column("whole_at", "our clock, when all that the rules need was judged"),
    time_column("watched_from", "ts; readings from here on ..."),
    time_column("watched_to", "... to here are counted, so that a late one is seen"),
    Column("watched_number", BigInteger, comment="of readings and values there"),
    PrimaryKeyConstraint("vin", name="alert_vehicles_pkey"),
    comment="how far each vehicle is judged; behind by some minutes while nothing is found",
)

alert_shares = Table(
    "alert_shares",
    metadata,
    Column("share", SmallInteger, nullable=False, autoincrement=False, comment="crc32 of the VIN, modulo 64"),
    Column("claimed_by", Text),
    time_column("claimed_until", "our clock: from then on, any worker may claim it"),
    PrimaryKeyConstraint("share", name="alert_shares_pkey"),
    CheckConstraint(f"share BETWEEN 0 AND {SHARES - 1}", name="alert_shares_share_check"),
    comment="which alert worker judges which vehicles",
)

alert_workers = Table(
    "alert_workers",
    metadata,
    Column("name", Text, nullable=False),
    time_column("seen_until", "our clock: from then on, it is taken as gone", nullable=False),
    PrimaryKeyConstraint("name", name="alert_workers_pkey"),
    comment="the alert workers that run: each claims its part of the shares",
)
