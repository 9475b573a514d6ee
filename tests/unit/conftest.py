"""A subscriber without a broker, for tests that call its callbacks by hand."""

import pytest

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
