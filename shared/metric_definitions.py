"""The metrics of worker and API: name, kind, help. A test compares docs/operations.md with them.

Names follow Prometheus: the unit is the last word, and a counter is exposed with `_total` behind its name.
`shared/reading_counts.py` defines the states in which readings are counted.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from prometheus_client import disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from shared.reading_counts import Counts

# Without this, each histogram has a second series with its time of creation.
disable_created_metrics()  # type: ignore[no-untyped-call]

Labelled = Mapping[tuple[str, ...], float]
"""Values of a metric by the values of its labels."""


class Definition(NamedTuple):
    """A metric and its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()


def _readings(process: str, source: str, failed: str) -> tuple[Definition, ...]:
    name = f"battery_{process}_readings"
    return (
        Definition(f"{name}_received", "counter", f"Readings taken from {source}."),
        Definition(
            f"{name}_stored",
            "counter",
            "Readings that added a signal: a new row, or a value that was unknown.",
        ),
        Definition(f"{name}_duplicate", "counter", "Readings all of whose values were there before."),
        Definition(f"{name}_rejected", "counter", "Readings kept as rejections.", ("reason",)),
        Definition(f"{name}_failed", "counter", failed),
        Definition(f"{name}_in_flight", "gauge", "Readings received and in none of the other states yet."),
    )


# The worker's

WORKER_READINGS = _readings(
    "worker", "the broker", "Always 0: the worker tries until a reading is stored or rejected."
)
MESSAGES_RECEIVED = Definition(
    "battery_worker_messages_received",
    "counter",
    "Messages taken from the broker; those of QoS 0 carry no guarantee.",
    ("qos",),
)
MESSAGES_CLEARED = Definition(
    "battery_worker_messages_cleared",
    "counter",
    "Messages without a payload, which clear a retained one and hold no reading.",
)
STATUSES = Definition(
    "battery_worker_statuses",
    "counter",
    "Status messages that were taken, repeats too; they are no readings. Others are rejected readings.",
    ("status",),
)
SOURCE_MESSAGES = Definition(
    "battery_worker_source_messages",
    "counter",
    "Messages of the sources of MQTT_SOURCES, each with one outcome; none without such a file.",
    ("source", "outcome"),
)
MESSAGES_DROPPED = Definition(
    "battery_worker_messages_dropped", "counter", "Messages of QoS 0 for which there was no room."
)
MESSAGES_WAITING = Definition(
    "battery_worker_messages_waiting", "gauge", "Messages that wait in the worker to be decoded."
)
OLDEST_UNACKNOWLEDGED = Definition(
    "battery_worker_oldest_unacknowledged_seconds",
    "gauge",
    "Age in the worker of the oldest message that is not acknowledged; 0 where there is none.",
)
BATCH_READINGS = Definition(
    "battery_worker_batch_readings", "histogram", "Readings and rejections of one transaction."
)
COMMIT_SECONDS = Definition(
    "battery_worker_commit_seconds",
    "histogram",
    "From the first try to write a batch until it has committed, waits for the database included.",
)
ACKNOWLEDGE_SECONDS = Definition(
    "battery_worker_commit_to_acknowledge_seconds",
    "histogram",
    "From the commit of a batch until its last receipt and acknowledgement were handed to the network.",
)
LAG_SECONDS = Definition(
    "battery_worker_lag_seconds",
    "summary",
    "received_at - ts of the readings stored last: their age on arrival.",
    ("quantile",),
)
RECEIPTS_SENT = Definition("battery_worker_receipts_sent", "counter", "Receipts handed to the broker.")
RECEIPTS_UNSENT = Definition(
    "battery_worker_receipts_unsent",
    "counter",
    "Receipts that could not be sent for want of a connection; the vehicle gets one when it asks again.",
)
CONNECTIONS = Definition(
    "battery_worker_connections", "counter", "Connections that the broker accepted; all but one: reconnects."
)
SESSIONS_LOST = Definition(
    "battery_worker_sessions_lost",
    "counter",
    "Reconnects at which the broker had lost the worker's session, with the messages queued for it.",
)
DATABASE_ERRORS = Definition(
    "battery_worker_database_errors",
    "counter",
    "Errors of the database: transient (waited for), poison (a row), deployment (a person has to act).",
    ("fault",),
)
SLOT = Definition(
    "battery_worker_slot", "gauge", "The number of the slot that this worker holds; 0 while it stands by."
)
BATCH_LIMIT = Definition(
    "battery_worker_batch_limit_readings",
    "gauge",
    "Readings that a transaction may hold now: INGEST_BATCH_ROWS, or fewer while the database is slow.",
)
BYTES_WAITING = Definition(
    "battery_worker_bytes_waiting",
    "gauge",
    "Payload of the messages that wait in the worker; at its limit the worker stops reading from the broker.",
)
HOURS_DUE = Definition(
    "battery_worker_hours_due",
    "gauge",
    "Hours that should be closed by now, by this worker's last pass; above 0 for long: see the log.",
)
READY = Definition(
    "battery_worker_ready", "gauge", "1 where readings reach the database from the broker, as /ready."
)

WORKER: tuple[Definition, ...] = (
    *WORKER_READINGS,
    MESSAGES_RECEIVED,
    MESSAGES_CLEARED,
    STATUSES,
    SOURCE_MESSAGES,
    MESSAGES_DROPPED,
    MESSAGES_WAITING,
    OLDEST_UNACKNOWLEDGED,
    BATCH_READINGS,
    COMMIT_SECONDS,
    ACKNOWLEDGE_SECONDS,
    LAG_SECONDS,
    RECEIPTS_SENT,
    RECEIPTS_UNSENT,
    CONNECTIONS,
    SESSIONS_LOST,
    DATABASE_ERRORS,
    SLOT,
    BATCH_LIMIT,
    BYTES_WAITING,
    HOURS_DUE,
    READY,
)

# The API's

API_READINGS = _readings(
    "api",
    "valid POSTs",
    "Readings of a POST that was answered with an error after all; its sender has to send them again.",
)
REQUESTS = Definition(
    "battery_api_requests",
    "counter",
    "Requests answered; the route as in the OpenAPI document, never a VIN.",
    ("method", "route", "status"),
)
REQUEST_SECONDS = Definition(
    "battery_api_request_seconds",
    "histogram",
    "From a request's first line to the end of its answer.",
    ("method", "route"),
)
API_DATABASE_ERRORS = Definition(
    "battery_api_database_errors",
    "counter",
    "Errors of the database by class, as the worker's.",
    ("fault",),
)

API: tuple[Definition, ...] = (*API_READINGS, REQUESTS, REQUEST_SECONDS, API_DATABASE_ERRORS)


def readings(definitions: tuple[Definition, ...], counts: Counts) -> Iterator[Metric]:
    """Yield the metrics of a snapshot, by WORKER_READINGS or API_READINGS."""
    received, stored, duplicate, rejected, failed, in_flight = definitions
    yield counter(received, counts.received)
    yield counter(stored, counts.stored)
    yield counter(duplicate, counts.duplicate)
    yield counter(rejected, {(reason,): number for reason, number in counts.rejected.items()})
    yield counter(failed, counts.failed)
    yield gauge(in_flight, counts.in_flight)


def counter(definition: Definition, value: float | Labelled) -> Metric:
    """Return a counter with this value: one number, or one for each combination of labels."""
    family = CounterMetricFamily(definition.name, definition.help, labels=definition.labels)
    numbers = value if isinstance(value, Mapping) else {(): value}
    for labels, number in numbers.items():
        family.add_metric(labels, number)
    return family


def gauge(definition: Definition, value: float | Labelled) -> Metric:
    """Return a gauge with this value: one number, or one for each combination of labels."""
    family = GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
    numbers = value if isinstance(value, Mapping) else {(): value}
    for labels, number in numbers.items():
        family.add_metric(labels, number)
    return family
