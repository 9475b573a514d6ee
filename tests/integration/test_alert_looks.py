"""The alert worker's table of episodes equals what `anomalies` answers, after any order of arrival."""

import random
from datetime import datetime

import pytest

from shared.wire.reading import Row
from tests.alert_looks import FACTS, Looker, keep, messages, stored
from tests.diagnosed import listed, lived_through

VIN = "VIN-00001"
TIMES = {"started_at", "ended_at"}
FIRST_SIGNAL = 3


@pytest.fixture
def lookers(engine):
    """Return a function that makes alert workers of this test's database."""
    made = []

    def make(name="one", **options):
        made.append(Looker(engine, name, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answered(api, vin=VIN):
    """Return the facts of the episodes that `anomalies` answers."""
    found, _ = listed(api, "anomalies", limit=1000, vin=vin)
    return [
        tuple(
            datetime.fromisoformat(one[name]) if name in TIMES and one[name] else one[name] for name in FACTS
        )
        for one in found
    ]


def check(api, engine, expected_messages=True):
    """Compare table and answer; each episode's messages begin with its opening and end as the episode did."""
    expected = answered(api)
    assert len(expected) > 5
    assert stored(engine) == expected
    by_episode = {}
    for episode_id, number, event in messages(engine):
        by_episode.setdefault(episode_id, []).append((number, event))
    for numbered in by_episode.values():
        assert [number for number, _ in numbered] == list(range(1, len(numbered) + 1))
        assert numbered[0][1] == "opened"
    return by_episode


def test_a_life_in_order(api, engine, lookers):
    """Readings as they come: before any whole past is judged, the timely rules are up to date already."""
    worker = lookers()
    rows = lived_through()
    for begin in range(0, len(rows), 40):
        keep(engine, rows[begin : begin + 40])
        worker.look(15)
    timely = {one for one in stored(engine) if not one[0].startswith(("ODO", "SOH", "SIGN"))}
    worker.look_at_all_of_the_past()
    check(api, engine)
    late = {one for one in stored(engine) if not one[0].startswith(("ODO", "SOH", "SIGN"))}
    print("by the last hours only:", timely - late, "by the whole past only:", late - timely)
    assert timely == late


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival(api, engine, lookers, seed):
    """Shuffled, torn into single signals, in pieces of any size, with looks in between."""
    worker, chance = lookers(), random.Random(seed)
    rows = lived_through()
    if seed % 2:
        rows = [part for row in rows for part in torn(row, chance)]
    blocks = [rows[begin : begin + 150] for begin in range(0, len(rows), 150)]
    chance.shuffle(blocks)
    for block in blocks:
        chance.shuffle(block)
        while block:
            size = chance.randint(1, 100)
            keep(engine, block[:size])
            del block[:size]
            if chance.random() < 0.5:
                worker.look(chance.choice((1, 30, 100)))
    worker.look_at_all_of_the_past()
    check(api, engine)


def torn(row, chance):
    """Split a reading into its signals, sometimes."""
    if chance.random() < 0.7:
        return [row]
    names = Row._fields[FIRST_SIGNAL:]
    signals = row[FIRST_SIGNAL:]
    return [
        Row(
            *row[:FIRST_SIGNAL],
            *(value if other == name else None for other, value in zip(names, signals, strict=True)),
        )
        for name, value in zip(names, signals, strict=True)
        if value is not None
    ]
