"""The tables and indexes. Each is keyed by `vin` first, so that the same schema can be partitioned by
time, distributed by vehicle, or be a TimescaleDB hypertable.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)

from shared.telemetry import SIGNALS

metadata = MetaData()

# VINs are compared as bytes: an order that no upgrade of the system's locales can change, and one in
# which a prefix is a range of the index.

# BETWEEN, not >= and <=: in Postgres NaN passes `>= 0`.
_RANGES = {name: f"{name} BETWEEN {signal.low} AND {signal.high}" for name, signal in SIGNALS.items()}


def _signal_columns() -> list[Column[float]]:
    return [Column(name, Double) for name in SIGNALS]


telemetry = Table(
    "telemetry",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("ts", DateTime(timezone=True), nullable=False, comment="the vehicle's clock"),
    Column("received_at", DateTime(timezone=True), nullable=False, comment="our clock"),
    *_signal_columns(),
    PrimaryKeyConstraint("vin", "ts", name="telemetry_pkey"),
    CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="telemetry_vin_check"),
    CheckConstraint("ts >= '2000-01-01 00:00:00+00'", name="telemetry_ts_check"),
    CheckConstraint(f"num_nonnulls({', '.join(SIGNALS)}) > 0", name="telemetry_signal_check"),
    *(CheckConstraint(text, name=f"telemetry_{name}_check") for name, text in _RANGES.items()),
)

vehicle_latest = Table(
    "vehicle_latest",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("ts", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    *_signal_columns(),
    PrimaryKeyConstraint("vin", name="vehicle_latest_pkey"),
    comment="the reading with the newest ts of each vehicle, kept by the transaction that stores it",
    # Updated with nearly every batch: room on the page keeps those updates out of the index.
    postgresql_with={"fillfactor": 50},
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
    # Not unique: what ties all vehicles together could not be distributed by vehicle.
    Index("rejections_id_idx", "id"),
    comment="messages and readings that could not be stored, and why",
)
