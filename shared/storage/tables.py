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
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from shared.storage.hourly_rollup import SERIES
from shared.vehicle_profile import RANGES, Chemistry
from shared.wire.connectivity import Status
from shared.wire.reading import SIGNALS

metadata = MetaData()

# VINs are collated as bytes: no upgrade of the system's locales can change that order, and a prefix is a
# range of the index.

# BETWEEN, not >= and <=: in Postgres NaN passes `>= 0`.
_RANGES = {name: f"{name} BETWEEN {signal.low} AND {signal.high}" for name, signal in SIGNALS.items()}


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
    # The characters of a VIN are checked in vehicle_latest, where each VIN is written, too, once a batch.
    # Checked once a reading, that regular expression took two fifths of the time of a COPY.
    CheckConstraint("length(vin) BETWEEN 5 AND 40", name="telemetry_vin_check"),
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
    CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="vehicle_latest_vin_check"),
    comment="the reading with the newest ts of each vehicle, kept by the transaction that stores it",
    # Updated with nearly every batch: room on the page keeps those updates out of the index.
    postgresql_with={"fillfactor": 50},
)


def _hourly_columns() -> Iterator[Column[Any]]:
    for name in SERIES:
        yield Column(f"{name}_n", Integer, nullable=False)
        yield Column(f"{name}_min", Double)
        yield Column(f"{name}_max", Double)
        yield Column(f"{name}_sum", Double, nullable=False)


telemetry_hourly = Table(
    "telemetry_hourly",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("hour", DateTime(timezone=True), nullable=False, comment="its start"),
    Column("samples", Integer, nullable=False, comment="readings"),
    *_hourly_columns(),
    PrimaryKeyConstraint("vin", "hour", name="telemetry_hourly_pkey"),
    comment="each vehicle's readings by the hour, kept by the transaction that stores them",
    postgresql_with={"fillfactor": 50},
)

telemetry_daily = Table(
    "telemetry_daily",
    metadata,
    Column("vin", Text(collation="C"), nullable=False),
    Column("day", DateTime(timezone=True), nullable=False, comment="its start, UTC"),
    Column("samples", Integer, nullable=False, comment="readings"),
    Column("soc_min", Double),
    Column("soc_max", Double),
    Column("max_temp_max", Double),
    Column("min_temp_min", Double),
    PrimaryKeyConstraint("vin", "day", name="telemetry_daily_pkey"),
    comment="what a summary asks of telemetry_hourly, by the day: a year in 365 narrow rows",
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
    PrimaryKeyConstraint("vin", name="vehicle_profiles_pkey"),
    CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="vehicle_profiles_vin_check"),
    CheckConstraint(f"chemistry IN ({_CHEMISTRIES})", name="vehicle_profiles_chemistry_check"),
    CheckConstraint("current_sign IN (-1, 1)", name="vehicle_profiles_current_sign_check"),
    *(
        CheckConstraint(
            f"{name} BETWEEN {bounds.low} AND {bounds.high}", name=f"vehicle_profiles_{name}_check"
        )
        for name, bounds in RANGES.items()
    ),
    comment="what a person told us of a vehicle beyond its readings",
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
        comment="our clock, when this status was first told",
    ),
    PrimaryKeyConstraint("vin", name="vehicle_status_pkey"),
    CheckConstraint("vin ~ '^[A-Z0-9-]{5,40}$'", name="vehicle_status_vin_check"),
    CheckConstraint(f"status IN ({_STATUSES})", name="vehicle_status_status_check"),
    comment="what each vehicle, or the broker in its place, said of it last",
)
