"""The alarm when most readings are rejected: a message, at most once a minute."""

import pytest

from ingest_worker.rejection_alarm import RejectionAlarm


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def alarm(clock):
    return RejectionAlarm(clock)


def test_most_of_a_batch(alarm):
    """The message names the reasons, the most frequent one first."""
    messages = alarm.add(100, {"vin_mismatch": 11, "bad_reading": 40})
    assert messages == "51 of the last 100 readings were rejected (bad_reading 40, vin_mismatch 11)"


@pytest.mark.parametrize(("readings", "rejected"), [(100, 50), (100, 0), (19, 19), (0, 0)])
def test_not_most_or_too_few(alarm, readings, rejected):
    """Half is not most, and few readings are not enough."""
    assert alarm.add(readings, {"bad_json": rejected}) is None


def test_one_by_one(alarm):
    """A slow fleet's batches hold one reading each: they are counted together."""
    messages = [alarm.add(1, {"bad_json": 1}) for _ in range(20)]
    assert messages[:-1] == [None] * 19
    assert messages[-1] is not None


def test_once_a_minute(alarm, clock):
    """A wrong release goes on for hours; the log stays readable."""
    messages = []
    for second in range(180):
        clock.now = second
        messages.append(alarm.add(20, {"bad_json": 20}))
    assert [second for second, words in enumerate(messages) if words] == [0, 60, 120]


def test_each_stretch_for_itself(alarm):
    """A good day before does not hide it."""
    alarm.add(1_000_000, {})
    assert alarm.add(20, {"conflict": 20}) is not None
