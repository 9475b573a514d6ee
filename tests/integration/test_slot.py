"""The locks of a group's slots, between sessions of a real PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.slot import SlotLock
from shared.settings import WorkerSettings


@pytest.fixture
def lock(database_url, monkeypatch, tmp_path):
    """Make a slot lock with a session of its own: `lock(client_id)`; closed at the end."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make(client_id="worker"):
        settings = WorkerSettings(
            database_url=database_url, mqtt_client_id=client_id, mqtt_shared_group="fleet"
        )
        made.append(SlotLock(settings, StatementDeadline()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_lowest_free_slot_is_taken(lock):
    first, second, third = lock(), lock(), lock()
    assert [first.take(), second.take(), third.take()] == [1, 2, 3]
    second.close()
    assert lock().take() == 2


def test_slots_held_by_others(lock):
    """Own slots, those of another client id and those of other databases do not count."""
    # Sixteen names: the keys are hashes, of which half are negative.
    for number in range(16):
        own, other = lock(f"worker-{number}"), lock(f"worker-{number}")
        assert own.take([2]) == 2
        assert own.held_by_others() == []
        assert other.take([3]) == 3
        assert own.held_by_others() == [3]
        assert other.held_by_others() == [2]


def test_looking_at_slots_takes_no_lock(lock):
    """Workers that start while another session looks get the slots that they try."""
    asking, is_over = lock(), threading.Event()
    asking.take([1])

    def look():
        while not is_over.is_set():
            held = asking.held_by_others()
            assert held == list(range(2, len(held) + 2))

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            for number in range(2, 42):
                assert lock().take([number]) == number
        finally:
            is_over.set()
        looking.result()
