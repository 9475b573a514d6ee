"""Parts of worker and API without their servers."""

import pytest

from api.main import create_app
from ingest_worker import worker_health
from ingest_worker.worker_health import WorkerHealth
from shared.api_settings import ApiSettings
from shared.settings import WorkerSettings
from tests.fake_client import FakeClient, SubscriberWithClient


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Create a subscriber with these settings and no others; by default with a fake client."""
    monkeypatch.chdir(tmp_path)
    for name in WorkerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def create(new_client=FakeClient, **settings):
        return SubscriberWithClient(WorkerSettings(**settings), new_client)

    return create


@pytest.fixture
def subscriber(make):
    """Create one whose network thread seems to run."""
    made = make()
    made.start()
    return made


@pytest.fixture
def clock(monkeypatch):
    """Replace the monotonic clock of the health by one that is set by hand."""
    now = [1_000.0]
    monkeypatch.setattr(worker_health.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def health(clock):
    assert clock
    return WorkerHealth()


@pytest.fixture
def app(monkeypatch, tmp_path):
    """Make the real app with settings but no database, for errors before the first query."""
    monkeypatch.chdir(tmp_path)
    for name in ApiSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    app = create_app()
    app.state.settings = ApiSettings(api_keys=None)
    app.state.database = None
    return app
