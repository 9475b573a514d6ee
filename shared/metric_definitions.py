"""Every metric of the worker and the API: name, kind, meaning. A test compares docs/operations.md with it.

Names follow Prometheus: the unit is the last word, and a counter is exposed with `_total` behind its name.
Which readings count as what: see `shared/reading_counts.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from prometheus_client import disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from shared.reading_counts import Counts

# A time of creation beside each histogram: nobody asked for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

Labelled = Mapping[tuple[str, ...], float]
"""Numbers by the values of a metric's labels."""


class Definition(NamedTuple):
    """One metric, with the labels that divide it."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()


def _readings(process: str, source: str, failed: str) -> tuple[Definition, ...]:
    name = f"battery_{process}_readings"
    return (
        Definition(f"{name}_received", "counter", f"Readings taken from {source}."),
        Definition(f"{name}_stored", "counter", "Readings that became rows."),
        Definition(f"{name}_duplicate", "counter", "Readings whose row was there before."),
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
MESSAGES_DROPPED = Definition(
    "battery_worker_messages_dropped", "counter", "Messages of QoS 0 for which there was no room."
)
MESSAGES_WAITING = Definition(
    "battery_worker_messages_waiting", "gauge", "Messages that wait in the worker to be looked at."
)
OLDEST_UNACKNOWLEDGED = Definition(
    "battery_worker_oldest_unacknowledged_seconds",
    "gauge",
    "How long the oldest message that is not acknowledged has been in the worker; 0 where there is none.",
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
    "received_at - ts of lately stored readings: how old news is when it arrives.",
    ("quantile",),
)
RECEIPTS_SENT = Definition("battery_worker_receipts_sent", "counter", "Receipts handed to the broker.")
RECEIPTS_UNSENT = Definition(
    "battery_worker_receipts_unsent",
    "counter",
    "Receipts that the link could not take; the vehicle gets one when it asks again.",
)
CONNECTIONS = Definition(
    "battery_worker_connections", "counter", "Connections that the broker accepted; all but one: reconnects."
)
SESSIONS_LOST = Definition(
    "battery_worker_sessions_lost",
    "counter",
    "Reconnects at which the broker had lost our session, and what it held for us.",
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
    "Payload of the messages that wait in the worker; at its limit nothing more is read from the broker.",
)
READY = Definition(
    "battery_worker_ready", "gauge", "1 where readings travel from the broker to the database, as /ready."
)

WORKER: tuple[Definition, ...] = (
    *WORKER_READINGS,
    MESSAGES_RECEIVED,
    MESSAGES_CLEARED,
    STATUSES,
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
    """A tally as metrics, by WORKER_READINGS or API_READINGS. All of them are of one moment."""
    received, stored, duplicate, rejected, failed, in_flight = definitions
    yield counter(received, counts.received)
    yield counter(stored, counts.stored)
    yield counter(duplicate, counts.duplicate)
    yield counter(rejected, {(reason,): number for reason, number in counts.rejected.items()})
    yield counter(failed, counts.failed)
    yield gauge(in_flight, counts.in_flight)


def counter(definition: Definition, value: float | Labelled) -> Metric:
    """A counter as it stands now: one number, or one for each combination of labels."""
    family = CounterMetricFamily(definition.name, definition.help, labels=definition.labels)
    numbers = value if isinstance(value, Mapping) else {(): value}
    for labels, number in numbers.items():
        family.add_metric(labels, number)
    return family


def gauge(definition: Definition, value: float) -> Metric:
    """A gauge as it stands now."""
    return GaugeMetricFamily(definition.name, definition.help, value=value)
