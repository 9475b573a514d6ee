"""Storing of the readings of a POST."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import Outcome, store
from shared.wire.reading import SIGNALS, Row
from shared.wire.refusal import CONFLICT_DETAIL, Reason, Rejection
from shared.wire.timestamps import format_timestamp
from shared.wire.topics import telemetry_topic


def ingest(connection: Connection, rows: Sequence[Row], copy_backoff: CopyBackoff) -> Outcome:
    """Store readings; one that contradicts a stored reading of the same key is kept as a rejection."""
    outcome = store(connection, rows, copy_backoff)
    keep_rejections(connection, [_rejection(rows[index]) for index in outcome.conflicts])
    return outcome


def _rejection(row: Row) -> Rejection:
    # With the topic that an MQTT message would have, the rejection can be read and replayed like any other.
    signals = {name: getattr(row, name) for name in SIGNALS}
    given = {name: value for name, value in signals.items() if value is not None}
    reading = {"vin": row.vin, "ts": format_timestamp(row.ts), **given}
    payload = json.dumps(reading, separators=(",", ":")).encode()
    topic = telemetry_topic(row.vin).encode()
    return Rejection(row.vin, row.received_at, Reason.CONFLICT, CONFLICT_DETAIL, None, topic, payload)
