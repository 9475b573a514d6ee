"""The way of deliveries into a batch."""

import time
from datetime import timedelta

from ingest_worker.batch import Batch
from ingest_worker.intake import Intake
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.sources.source_reader import SourceReader
from ingest_worker.worker_health import WorkerHealth
from shared.sources.sparkplug_decoder import SparkplugDecoder
from tests.fake_session import FakeSession
from tests.mapped import mapping
from tests.sparkplug import SOURCE, float_value, metric, payload


def test_a_batch_that_is_stored_while_a_message_is_read():
    """The message is the oldest one then; before, all that was received counts as received."""
    session = FakeSession()
    metrics = WorkerMetrics(session, WorkerHealth())
    batch = Batch(max_rows=100, max_deliveries=100, max_age_s=1, clock=time.monotonic)
    stored = []

    def load(_node):
        stored.append((len(batch.take().rows), metrics.tally.snapshot().received))
        metrics.oldest = None

    reader = SourceReader(
        mapping(SOURCE),
        max_held=10,
        sparkplug=SparkplugDecoder(load, lambda _edge: (), lambda: 0.0),
        command=session.command,
    )
    intake = Intake(
        batch, metrics, max_future_skew=timedelta(minutes=5), client_id=lambda: "worker", reader=reader
    )
    native = b'{"ts":"2026-03-01T10:00:00Z","soc":50}'
    data = payload(metric(float_value(64.0), alias=1))
    session.deliver((b"vehicles/VIN-00001/telemetry", native), (b"spBv1.0/plant/DDATA/edge/pack7", data))
    first, second = session.take(0)
    assert list(intake.add([first, second])) == []
    assert stored == [(1, 1)]
    assert metrics.oldest is second
