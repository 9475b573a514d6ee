"""Counts of readings by outcome: they always add up, and have one line for the log."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from shared.reading_counts import Counts, Tally


def test_nothing_yet():
    """Without readings all counts are 0."""
    assert str(Tally().snapshot()) == "0 readings received, 0 stored, 0 duplicate, 0 rejected"


def test_each_number_stands_at_its_word():
    """The line gives each count under its own name."""
    tally = Tally()
    tally.receive(11)
    tally.settle(10, stored=6, duplicate=3, rejected={"bad_json": 1})
    assert str(tally.snapshot()) == "11 readings received, 6 stored, 3 duplicate, 1 rejected"
    assert tally.snapshot() == Counts(11, 6, 3, {"bad_json": 1}, 0, 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))))
def test_it_adds_up(batches):
    """The counts add up after each step, for any outcomes; and in the end no reading is in flight."""
    tally = Tally()
    for stored, duplicate, rejected, failed in batches:
        tally.receive(stored + duplicate + rejected + failed)
        assert tally.snapshot().adds_up
    for stored, duplicate, rejected, failed in batches:
        total = stored + duplicate + rejected + failed
        tally.settle(
            total, stored=stored, duplicate=duplicate, rejected={"conflict": rejected}, failed=failed
        )
        assert tally.snapshot().adds_up
    assert tally.snapshot().in_flight == 0


def test_a_forgotten_reading_shows():
    """Code that settles readings without an outcome breaks the sum."""
    tally = Tally()
    tally.receive(3)
    tally.settle(3, stored=2)
    assert not tally.snapshot().adds_up


def test_a_look_is_of_one_moment():
    """While another thread counts, no snapshot contains half of a step."""
    tally = Tally()
    done = threading.Event()

    def count():
        for _ in range(20_000):
            tally.receive(2)
            tally.settle(2, stored=1, rejected={"conflict": 1})
        done.set()

    counting = threading.Thread(target=count)
    counting.start()
    looks = 0
    while not done.is_set():
        assert tally.snapshot().adds_up
        looks += 1
    counting.join()
    assert looks > 10
    assert tally.snapshot().received == 40_000
