"""What the fault harness reads from the metrics."""

import pytest

from ingest_worker.metrics import WorkerMetrics
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker_health import WorkerHealth
from scripts.faults.witness import Look, Witness
from shared.settings import WorkerSettings


@pytest.fixture
def metrics(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return WorkerMetrics(Subscriber(WorkerSettings()), WorkerHealth())


def test_it_reads_what_a_worker_tells(metrics):
    """Each state by its own name, the rejected ones over all reasons, and the memory."""
    metrics.tally.receive(20)
    metrics.tally.settle(12, stored=6, duplicate=1, rejected={"bad_json": 2, "conflict": 3})
    look = Look.parse(metrics.text().decode())
    assert look.readings == {
        "received": 20,
        "stored": 6,
        "duplicate": 1,
        "rejected": 5,
        "failed": 0,
        "in_flight": 8,
    }
    assert look.adds_up
    assert 5 < look.memory_mib < 2_000


def test_it_sees_what_does_not_add_up(metrics):
    """A reading that left without a state."""
    metrics.tally.receive(2)
    metrics.tally.settle(2, stored=1)
    assert not Look.parse(metrics.text().decode()).adds_up


def test_who_does_not_answer_says_nothing():
    """A worker that was just killed is no fault of its accounts."""
    witness = Witness(["http://127.0.0.1:9/metrics"])
    witness.look()
    assert (witness.looks, witness.wrong, witness.last) == (0, [], {})
