"""Signs of life: live while the thread is seen, ready while readings travel."""

import pytest

from ingest_worker import worker_health as module
from ingest_worker.worker_health import WorkerHealth


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, set by hand."""
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def pulse(clock):
    assert clock
    return WorkerHealth()


@pytest.mark.parametrize(("age", "live"), [(0, True), (29.9, True), (30, False), (1e6, False)])
def test_live_while_it_beats(pulse, clock, age, live):
    """A worker that has not been seen for 30 s hangs."""
    pulse.beat(is_listening=True)
    clock[0] += age
    assert pulse.is_live is live


def test_live_from_the_start(pulse):
    """It has 30 s to begin."""
    assert pulse.is_live
    assert not pulse.is_ready


@pytest.mark.parametrize(
    ("listening", "answers", "ready"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_ready_while_readings_travel(pulse, listening, answers, ready):
    """Both ends have to be there: the subscription and the database."""
    pulse.beat(is_listening=listening)
    pulse.database_answers = answers
    assert pulse.is_ready is ready


def test_a_hanging_worker_is_not_ready(pulse, clock):
    """What it last said of itself is no longer true."""
    pulse.beat(is_listening=True)
    pulse.database_answers = True
    assert pulse.is_ready
    clock[0] += 31
    assert not pulse.is_ready
