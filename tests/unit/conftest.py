"""A subscriber without a broker, for tests that call its callbacks by hand."""

import pytest

from ingest_worker.subscriber import Subscriber
from shared.settings import WorkerSettings
from tests.paho_callbacks import FakeThread


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Return a function that makes a subscriber with these settings and no others."""
    monkeypatch.chdir(tmp_path)
    for name in WorkerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return lambda **settings: Subscriber(WorkerSettings(**settings))


@pytest.fixture
def subscriber(make):
    """One whose network thread seems to run."""
    made = make()
    made._client._thread = FakeThread(alive=True)
    return made
