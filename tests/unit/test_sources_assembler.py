"""The assembler: values that come together become one row, and no value is lost or doubled."""

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.sources.assembler import Assembler
from shared.sources.mapped import Values
from tests.mapped import moment, signals

START = moment("10:00:00")
QUICK = SimpleNamespace(name="quick", assemble_ms=500, keeps_backlog=True)
SLOW = SimpleNamespace(name="slow", assemble_ms=2_000, keeps_backlog=True)


def at(milliseconds):
    return START + timedelta(milliseconds=milliseconds)


def values(vin="VIN-00001", source=QUICK, **named):
    return Values(vin, signals(**named), source)


def shown(groups):
    return [(group.source, group.vin, group.ts, group.signals, group.tokens) for group in groups]


def test_a_burst_is_one_row():
    """The time is that of its first message; the tokens are all of its messages."""
    assembler = Assembler()
    assert assembler.add(values(soc=80.0), at(0), 1) == []
    assert assembler.add(values(soh=90.0, odo_km=5.0), at(499), 2) == []
    assert len(assembler) == 1
    assert assembler.due(at(499)) == []
    assert assembler.next_due() == at(500)
    closed = assembler.due(at(500))
    assert shown(closed) == [("quick", "VIN-00001", START, signals(soc=80.0, soh=90.0, odo_km=5.0), [1, 2])]
    assert (len(assembler), assembler.oldest(), assembler.next_due()) == (0, None, None)


def test_a_signal_that_comes_again_closes_the_group():
    """Also where its value is the same, and where another signal of the message is new."""
    assembler = Assembler()
    assembler.add(values(soc=80.0), at(0), 1)
    (first,) = assembler.add(values(soc=80.0, soh=90.0), at(0), 2)
    assert (first.signals, first.tokens) == (signals(soc=80.0), [1])
    (second,) = assembler.drain()
    assert (second.ts - first.ts, second.signals) == (timedelta(microseconds=1), signals(soc=80.0, soh=90.0))


def test_a_late_message_opens_a_new_group():
    """Also where the caller has not asked for the groups that are due."""
    assembler = Assembler()
    assembler.add(values(soc=80.0), at(0), 1)
    (closed,) = assembler.add(values(soh=90.0), at(500), 2)
    assert closed.signals == signals(soc=80.0)


def test_vehicles_and_sources_are_apart():
    """Each pair has a group of its own; two sources of one vehicle never give one time twice."""
    assembler = Assembler()
    assembler.add(values(soc=80.0), at(0), 1)
    assembler.add(values("VIN-00002", soh=90.0), at(0), 2)
    assembler.add(values(source=SLOW, odo_km=5.0), at(0), 3)
    assert [group.tokens for group in assembler.due(at(500))] == [[1], [2]]
    (slow,) = assembler.due(at(2_000))
    assert slow.ts == START + timedelta(microseconds=1)


def test_a_clock_that_steps_back():
    """Times of a vehicle rise by steps of up to a second."""
    assembler = Assembler()
    assembler.add(values(soc=80.0), at(1_000), 1)
    assembler.add(values(soc=81.0), at(0), 2)
    (group,) = assembler.drain()
    assert group.ts == at(1_000) + timedelta(microseconds=1)


def test_a_clock_that_is_set_back():
    """Rows have the corrected time at once, and nothing is held until the clock is there again."""
    assembler = Assembler()
    assembler.add(values(soc=80.0), at(3_600_000), 1)
    assembler.add(values("VIN-00002", soc=50.0), at(3_600_000), 2)
    (before,) = assembler.add(values(soh=90.0), at(0), 3)
    assert (before.ts, before.signals) == (at(3_600_000), signals(soc=80.0))
    assert [group.tokens for group in assembler.due(at(100))] == [[2]]
    (after,) = assembler.due(at(500))
    assert (after.ts, after.signals) == (at(0), signals(soh=90.0))


def test_room_is_made_by_closing_the_oldest():
    """Of all sources, by the arrival of the first message."""
    assembler = Assembler()
    assert assembler.close_oldest() == []
    assembler.add(values(source=SLOW, soc=80.0), at(0), 1)
    assembler.add(values(soc=80.0), at(1), 2)
    assert assembler.oldest() == at(0)
    assert [assembler.close_oldest()[0].tokens for _ in range(2)] == [[1], [2]]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["VIN-00001", "VIN-00002"]),
        st.sampled_from([QUICK, SLOW]),
        st.dictionaries(st.sampled_from(["soc", "soh", "odo_km"]), st.floats(0, 100), min_size=1, max_size=3),
        st.integers(0, 900),
    ),
    max_size=30,
)


@given(MESSAGES, st.lists(st.sampled_from(["due", "close"]), max_size=30))
def test_every_value_is_in_exactly_one_row(messages, calls):
    """In any order of messages, and with groups closed at any time."""
    assembler, groups, now = Assembler(), [], 0
    calls = [*calls, *[None] * len(messages)]
    for token, ((vin, source, named, pause), call) in enumerate(zip(messages, calls, strict=False)):
        now += pause
        if call == "due":
            groups += assembler.due(at(now))
        elif call == "close":
            groups += assembler.close_oldest()
        groups += assembler.add(values(vin, source, **named), at(now), token)
    groups += assembler.drain()
    assert len(assembler) == 0
    sent = Counter(
        (vin, source.name, name, number)
        for vin, source, named, _ in messages
        for name, number in named.items()
    )
    names = ("soc", "soh", "odo_km")
    places = [0, 1, 6]
    assert sent == Counter(
        (group.vin, group.source, name, group.signals[place])
        for group in groups
        for name, place in zip(names, places, strict=True)
        if group.signals[place] is not None
    )
    assert sorted(token for group in groups for token in group.tokens) == list(range(len(messages)))
    assert len({(group.vin, group.ts) for group in groups}) == len(groups)
