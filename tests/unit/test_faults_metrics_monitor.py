"""The fault harness's reading of the metrics."""

import pytest

from ingest_worker.metrics import WorkerMetrics
from ingest_worker.worker_health import WorkerHealth
from scripts.faults.metrics_monitor import Scrape
from tests.fake_session import FakeSession


@pytest.fixture
def metrics():
    return WorkerMetrics(FakeSession(), WorkerHealth())


def test_a_workers_metrics_are_parsed(metrics):
    """Each state by its own name, rejected readings over all reasons, and the memory."""
    metrics.tally.receive(20)
    metrics.tally.settle(12, stored=6, duplicate=1, rejected={"bad_json": 2, "conflict": 3})
    scrape = Scrape.parse(metrics.text().decode())
    assert scrape.readings == {
        "received": 20,
        "stored": 6,
        "duplicate": 1,
        "rejected": 5,
        "failed": 0,
        "in_flight": 8,
    }
    assert scrape.adds_up
    assert 5 < scrape.memory_mib < 2_000


def test_a_difference_is_found(metrics):
    """A reading that left without a state is found."""
    metrics.tally.receive(2)
    metrics.tally.settle(2, stored=1)
    assert not Scrape.parse(metrics.text().decode()).adds_up
