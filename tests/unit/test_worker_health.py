"""The worker's health: live while its thread sends heartbeats, ready while readings are stored."""

import pytest


@pytest.mark.parametrize(("age", "live"), [(0, True), (29.9, True), (30, False), (1e6, False)])
def test_live_while_it_beats(health, clock, age, live):
    """A worker that has not been seen for 30 s hangs."""
    health.beat()
    health.note_broker(None)
    clock[0] += age
    assert health.is_live is live


def test_live_from_the_start(health):
    """A new worker has 30 s for its first heartbeat."""
    assert health.is_live
    assert not health.is_ready


@pytest.mark.parametrize(
    ("listening", "answers", "ready"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_ready_while_readings_travel(health, listening, answers, ready):
    """Both ends have to be there: the subscription and the database."""
    health.beat()
    health.note_broker(None if listening else "away")
    health.database_answers = answers
    assert health.is_ready is ready


def test_a_hanging_worker_is_not_ready(health, clock):
    """The last known state no longer counts."""
    health.beat()
    health.note_broker(None)
    health.database_answers = True
    assert health.is_ready
    clock[0] += 31
    assert not health.is_ready
