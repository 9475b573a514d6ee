"""The delays between attempts."""

import random

import pytest

from ingest_worker import backoff
from ingest_worker.backoff import Backoff


@pytest.fixture
def jitter(monkeypatch):
    """Set the random share of each delay that is kept."""

    def fix(share):
        monkeypatch.setattr(backoff.random, "uniform", lambda low, high: low + (high - low) * share)

    return fix


@pytest.mark.parametrize(
    ("first", "longest", "expected"),
    [
        (0.1, 5, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]),
        (2, 30, [2, 4, 8, 16, 30, 30]),
        (1, 1, [1, 1, 1]),
    ],
)
def test_waits_double_up_to_the_longest(jitter, first, longest, expected):
    """Each wait is twice the one before, and none is longer than `longest`."""
    jitter(1)
    waits = Backoff(first=first, longest=longest)
    assert [waits.delay() for _ in expected] == pytest.approx(expected)


def test_the_dice_shorten_a_wait_by_half_at_most(jitter):
    """The shortest wait is half of the full one, and the next one still doubles."""
    jitter(0)
    waits = Backoff(first=1, longest=10)
    assert [waits.delay() for _ in range(5)] == pytest.approx([0.5, 1, 2, 4, 5])


def test_two_workers_do_not_wait_alike():
    """Workers that failed together come back apart."""
    random.seed(3)
    waits = [Backoff(first=1, longest=1) for _ in range(50)]
    drawn = [one.delay() for one in waits]
    assert len(set(drawn)) == 50
    assert all(0.5 <= wait <= 1 for wait in drawn)


def test_no_wait_is_zero_however_often():
    """After a thousand failures it still waits, and still not longer than `longest`."""
    waits = Backoff(first=0.1, longest=5)
    assert all(0.05 <= waits.delay() <= 5 for _ in range(1000))
