"""The tables and indexes.

Each key begins with `vin`, so that the schema can be partitioned by time, distributed by vehicle, or be a
TimescaleDB hypertable.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.storage import access_tables, episode_tables, table_metadata
from shared.storage.hourly_rollup import SERIES
from shared.storage.latest_signals import VALUE_TS
from shared.vehicle_profile import RANGES, TEXTS, Chemistry
from shared.wire.connectivity import Status
from shared.wire.reading import SIGNALS

metadata = table_metadata.metadata

# VINs are collated as bytes: no upgrade of the system's locales can change that order, and a prefix is a
# range of the index.

# The same as `vin ~ '^[A-Z0-9-]{5,40}$'`, which takes ten times as long: it has a state for each length.
_VIN_CHECK = "length(vin) BETWEEN 5 AND 40 AND vin !~ '[^A-Z0-9-]'"

# BETWEEN, not >= and <=: in Postgres NaN passes `>= 0`.
_RANGES = {name: f"{name} BETWEEN {signal.low} AND {signal.high}" for name, signal in SIGNALS.items()}


ACCESS_TABLES = (access_tables.api_keys, access_tables.audit)
EPISODE_TABLES = (
    episode_tables.episodes,
    episode_tables.episode_messages,
    episode_tables.message_deliveries,
    episode_tables.alert_vehicles,
    episode_tables.alert_shares,
    episode_tables.alert_workers,
)


def _signal_columns() -> list[Column[float]]:
    return [Column(name, Double) for name in SIGNALS]


def names(table: Table) -> list[str]:
    """Return the names of a table's columns, in order."""
    return [column.name for column in table.columns]


telemetry = Table(
    "telemetry",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("ts", DateTime(timezone=True), nullable=False, comment="the vehicle's clock"),
    Column("received_at", DateTime(timezone=True), nullable=False, comment="our clock"),
    *_signal_columns(),
    PrimaryKeyConstraint("vin", "ts", name="telemetry_pkey"),
    # The characters of a VIN are checked in open_hours, where each VIN is written, too, once an hour.
    CheckConstraint("length(vin) BETWEEN 5 AND 40", name="telemetry_vin_check"),
    CheckConstraint("ts >= '2000-01-01 00:00:00+00'", name="telemetry_ts_check"),
    CheckConstraint(f"num_nonnulls({', '.join(SIGNALS)}) > 0", name="telemetry_signal_check"),
    *(CheckConstraint(range_, name=f"telemetry_{name}_check") for name, range_ in _RANGES.items()),
)

vehicle_latest = Table(
    "vehicle_latest",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("ts", DateTime(timezone=True), nullable=False, comment="of the newest reading"),
    Column("received_at", DateTime(timezone=True), nullable=False, comment="our clock, at the last arrival"),
    *_signal_columns(),
    *(
        Column(name, DateTime(timezone=True), comment="ts of the value, null where it is the row's")
        for name in VALUE_TS
    ),
    PrimaryKeyConstraint("vin", name="vehicle_latest_pkey"),
    comment="the newest value of each signal of each vehicle, kept by the transaction that stores it",
    # Updated with nearly every batch: room on the page keeps those updates out of the index.
    postgresql_with={"fillfactor": 50},
)


def _hour_key() -> list[Column[Any]]:
    return [
        Column("vin", Text(collation="C"), nullable=False),
        Column("hour", DateTime(timezone=True), nullable=False, comment="its start"),
    ]


# Hours and days are computed some time after their last reading, not by the transaction that stores it: with
# one reading a vehicle and batch they were two more rows to write for each reading. `close_hours` says how.
open_hours = Table(
    "open_hours",
    metadata,
    *_hour_key(),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("vin", "hour", name="open_hours_pkey"),
    CheckConstraint(_VIN_CHECK, name="open_hours_vin_check"),
    comment="hours with readings that closed_hours may lack: they are taken from the readings",
)

closing_hours = Table(
    "closing_hours",
    metadata,
    *_hour_key(),
    PrimaryKeyConstraint("vin", "hour", name="closing_hours_pkey"),
    comment="hours that are about to be computed, as soon as no transaction adds to them without a mark",
)


def _hourly_columns() -> Iterator[Column[Any]]:
    for name in SERIES:
        yield Column(f"{name}_n", Integer, nullable=False)
        yield Column(f"{name}_min", Double)
        yield Column(f"{name}_max", Double)
        yield Column(f"{name}_sum", Double, nullable=False)


closed_hours = Table(
    "closed_hours",
    metadata,
    *_hour_key(),
    Column("samples", Integer, nullable=False, comment="readings"),
    *_hourly_columns(),
    PrimaryKeyConstraint("vin", "hour", name="closed_hours_pkey"),
    comment="each vehicle's readings by the hour; out of date where the hour is open or closing",
)

closed_days = Table(
    "closed_days",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("day", DateTime(timezone=True), nullable=False, comment="its start, UTC"),
    Column("samples", Integer, nullable=False, comment="readings"),
    Column("soc_min", Double),
    Column("soc_max", Double),
    Column("max_temp_max", Double),
    Column("min_temp_min", Double),
    PrimaryKeyConstraint("vin", "day", name="closed_days_pkey"),
    comment="the figures of a summary by the day; out of date where an hour of the day is open or closing",
)

rejections = Table(
    "rejections",
    metadata,
    Column(
        "vin", Text(collation="C"), nullable=False, comment="upper case, or empty where the topic names none"
    ),
    Column("id", Uuid, nullable=False, comment="made from topic, payload and index: the same is kept once"),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("index", Integer, comment="place in the array, null for a whole message"),
    Column("topic", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="as it was received"),
    PrimaryKeyConstraint("vin", "id", name="rejections_pkey"),
    Index("rejections_received_at_idx", "received_at", "id"),
    # Not unique: a unique index across vehicles would prevent distribution by vehicle.
    Index("rejections_id_idx", "id"),
    comment="messages and readings that could not be stored, and why",
)

duplicate_counts = Table(
    "duplicate_counts",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("day", DateTime(timezone=True), nullable=False, comment="of their ts: its start, UTC"),
    Column("duplicates", BigInteger, nullable=False),
    PrimaryKeyConstraint("vin", "day", name="duplicate_counts_pkey"),
    comment="readings that came again with the same values; they can't be counted from what is stored",
)

_CHEMISTRIES = ", ".join(f"'{chemistry}'" for chemistry in Chemistry)
vehicle_profiles = Table(
    "vehicle_profiles",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("series_cells", Integer),
    Column("chemistry", Text),
    *(Column(name, Double, comment=RANGES[name].unit) for name in RANGES if name != "series_cells"),
    Column("first_use_date", Date),
    Column(
        "current_sign", SmallInteger, nullable=False, comment="-1: the source's charging current is positive"
    ),
    *(Column(name, Text) for name in TEXTS),
    PrimaryKeyConstraint("vin", name="vehicle_profiles_pkey"),
    CheckConstraint(_VIN_CHECK, name="vehicle_profiles_vin_check"),
    CheckConstraint(f"chemistry IN ({_CHEMISTRIES})", name="vehicle_profiles_chemistry_check"),
    CheckConstraint("current_sign IN (-1, 1)", name="vehicle_profiles_current_sign_check"),
    *(
        CheckConstraint(
            f"{name} BETWEEN {bounds.low} AND {bounds.high}", name=f"vehicle_profiles_{name}_check"
        )
        for name, bounds in RANGES.items()
    ),
    *(
        CheckConstraint(f'length("{name}") BETWEEN 1 AND {most}', name=f"vehicle_profiles_{name}_check")
        for name, most in TEXTS.items()
    ),
    comment="facts about a vehicle that its readings do not tell",
)

_STATUSES = ", ".join(f"'{status}'" for status in Status)
vehicle_status = Table(
    "vehicle_status",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("status", Text, nullable=False),
    Column(
        "received_at",
        DateTime(timezone=True),
        nullable=False,
        comment="our clock, at the first arrival of this status",
    ),
    PrimaryKeyConstraint("vin", name="vehicle_status_pkey"),
    CheckConstraint(_VIN_CHECK, name="vehicle_status_vin_check"),
    CheckConstraint(f"status IN ({_STATUSES})", name="vehicle_status_status_check"),
    comment="the last status of each vehicle, by itself or its last will",
)

sparkplug_births = Table(
    "sparkplug_births",
    metadata,
    Column("node", Text(collation="C"), nullable=False, comment="group/edge/device, as in the topic"),
    Column("received_at", DateTime(timezone=True), nullable=False, comment="our clock"),
    # One row a device, not one a metric: a birth replaces all of them at once, whichever worker receives it.
    Column(
        "metrics", JSONB, nullable=False, comment="name, alias or null, and datatype or null of each metric"
    ),
    PrimaryKeyConstraint("node", name="sparkplug_births_pkey"),
    CheckConstraint("octet_length(node) BETWEEN 5 AND 500", name="sparkplug_births_node_check"),
    CheckConstraint("jsonb_typeof(metrics) = 'array'", name="sparkplug_births_metrics_check"),
    comment="the last birth certificate of each Sparkplug device: later messages may name no metric",
)

mqtt_arrivals = Table(
    "mqtt_arrivals",
    metadata,
    Column("client_id", Text(collation="C"), nullable=False),
    Column("packet_id", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of topic and payload"),
    Column(
        "ts", DateTime(timezone=True), nullable=False, comment="that the message's values are stored with"
    ),
    PrimaryKeyConstraint("client_id", "packet_id", name="mqtt_arrivals_pkey"),
    CheckConstraint("length(client_id) BETWEEN 1 AND 65535", name="mqtt_arrivals_client_id_check"),
    CheckConstraint("packet_id BETWEEN 1 AND 65535", name="mqtt_arrivals_packet_id_check"),
    CheckConstraint("octet_length(digest) BETWEEN 8 AND 64", name="mqtt_arrivals_digest_check"),
    comment="QoS 1 messages without a time of their own that are stored, by packet id: the last of each",
    # Packet ids come round: room on the page keeps those updates out of the index.
    postgresql_with={"fillfactor": 50},
)

mqtt_filters = Table(
    "mqtt_filters",
    metadata,
    Column("client_id", Text(collation="C"), nullable=False),
    Column("filter", Text(collation="C"), nullable=False),
    PrimaryKeyConstraint("client_id", "filter", name="mqtt_filters_pkey"),
    CheckConstraint("length(client_id) BETWEEN 1 AND 65535", name="mqtt_filters_client_id_check"),
    CheckConstraint("length(filter) BETWEEN 1 AND 65535", name="mqtt_filters_filter_check"),
    comment="topic filters that a session at the broker has: those no longer wanted are given up",
)
