"""The counts of the fault harness: a verdict that can't be bad would prove nothing."""

from collections import Counter

import pytest

from scripts.faults import numbered_reading
from scripts.faults.inspection import classify
from scripts.faults.journal import Journal
from scripts.faults.outcome import evaluate
from scripts.faults.worker import WorkerTotals


@pytest.fixture
def journal():
    return Journal(
        numbered_reading.MQTT, sent=set(range(10)), bad={6}, acknowledged={n: float(n) for n in range(10)}
    )


def rows(*numbers, channel=numbered_reading.MQTT):
    return [tuple(numbered_reading.row(channel, number)) for number in numbers]


def rejections(*numbers):
    return [(numbered_reading.poison_reason(number), numbered_reading.poison(number)) for number in numbers]


ALL_GOOD = [number for number in range(10) if number != 6]


def verdict(journals, found, **options):
    outcome = evaluate(journals, found, **options)
    outcome.drain_s = 0.0
    return outcome


def test_all_is_there(journal):
    """Each good reading stored, the bad one rejected: the guarantee held."""
    outcome = verdict([journal], classify(rows(*ALL_GOOD), rejections(6)))
    assert outcome.held
    assert (outcome.sent, outcome.acknowledged, outcome.rows, outcome.rejected) == (10, 10, 9, 1)


@pytest.mark.parametrize(
    ("stored", "rejected", "broken"),
    [
        (rows(*ALL_GOOD[1:]), rejections(6), "1 lost"),
        (rows(*ALL_GOOD), [], "1 lost"),
        (rows(*ALL_GOOD, 3), rejections(6), "1 twice"),
        (rows(*ALL_GOOD), rejections(6, 6), "1 twice"),
        (rows(*ALL_GOOD, 6), rejections(6), "1 unexpected"),
        (rows(*ALL_GOOD, 11), rejections(6), "1 unexpected"),
        (rows(*ALL_GOOD), rejections(6, 3), "1 unexpected"),
        (rows(*ALL_GOOD), [("conflict", numbered_reading.poison(6))], "1 with wrong values"),
        (rows(*ALL_GOOD), [*rejections(6), ("bad_json", b"nobody's")], "1 with wrong values"),
        ([*rows(*ALL_GOOD[:-1]), (*rows(9)[0][:-1], 0.5)], rejections(6), "1 lost; 1 with wrong values"),
    ],
)
def test_what_broke_is_named(journal, stored, rejected, broken):
    """Lost, twice, unexpected, wrong: each is seen."""
    assert "; ".join(verdict([journal], classify(stored, rejected)).broken()) == broken


def test_the_broker_may_lose_what_its_configuration_says(journal):
    """A loss within those times is the broker's, outside of them the system's."""
    outcome = verdict([journal], classify(rows(0, 1, 2, 3), rejections(6)), excuses=[(7.0, 9.0)])
    assert (outcome.lost, outcome.excused) == (2, 3)


def test_what_got_a_200_has_no_excuse():
    """A POST's 200 says that it is committed, independent of the broker."""
    journal = Journal(numbered_reading.POST, sent={1}, acknowledged={1: 1.0})
    assert verdict([journal], classify([], []), excuses=[(0.0, 2.0)]).lost == 1


def test_what_was_not_acknowledged_may_be_there_or_not(journal):
    """Without an acknowledgement there is no promise."""
    del journal.acknowledged[3], journal.acknowledged[4]
    assert verdict([journal], classify(rows(*(n for n in ALL_GOOD if n != 3)), rejections(6))).held


def test_the_channels_have_their_own_readings(journal):
    """The same numbers through POST are other readings."""
    posted = Journal(numbered_reading.POST, sent={1, 2}, acknowledged={1: 1.0, 2: 2.0})
    found = classify(rows(*ALL_GOOD) + rows(1, channel=numbered_reading.POST), rejections(6))
    outcome = verdict([journal, posted], found)
    assert outcome.lost == 1
    assert found.stored[numbered_reading.POST] == Counter([1])


def test_never_drained(journal):
    """Without an end of the drain the guarantee has not held."""
    outcome = evaluate([journal], classify(rows(*ALL_GOOD), rejections(6)))
    assert outcome.broken() == ["not drained in time"]


def test_hours_that_differ_are_named(journal):
    """Complete readings do not excuse it; each vehicle is named with its number of hours."""
    outcome = verdict([journal], classify(rows(*ALL_GOOD), rejections(6)))
    outcome.hours = {"MQTT-07": 2, "MQTT-01": 1}
    assert not outcome.held
    assert outcome.broken() == ["hours differ from the readings: 1 of MQTT-01, 2 of MQTT-07"]


def test_poison_names_its_number():
    """A truncated payload has it, too; the three kinds come in turn."""
    assert [numbered_reading.number_in(numbered_reading.poison(number)) for number in range(5)] == list(
        range(5)
    )
    assert len({numbered_reading.poison_reason(number) for number in range(3)}) == 3


def test_totals_add_up():
    """Every reading that a worker received ended in one state."""
    assert WorkerTotals(10, 7, 2, 1).adds_up
    assert not WorkerTotals(10, 7, 1, 1).adds_up
