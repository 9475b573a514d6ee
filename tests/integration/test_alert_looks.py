"""The alert worker's table of episodes equals what `anomalies` answers, after any order of arrival."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select, text

from alert_worker import looks
from alert_worker.judging import judge_last_hours
from alert_worker.shares import ClaimLostError
from shared.episodes import actions
from shared.storage.episode_tables import episodes
from shared.storage.read_traces import COLUMNS
from shared.wire.reading import Row
from tests.alert_looks import FACTS, Looker, keep, messages, stored
from tests.diagnosed import lived_through
from tests.readings import START, at, row

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
    found, token = [], None
    while token is not None or not found:
        params = {"next": token} if token else {"limit": 1000}
        body = api.get(f"/api/vehicles/{vin}/anomalies", params=params).json()
        found, token = found + body["items"], body["next"]
        if token is None:
            break
    return [
        tuple(
            datetime.fromisoformat(one[name]) if name in TIMES and one[name] else one[name] for name in FACTS
        )
        for one in found
    ]


def check(api, engine):
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
        if begin == 0:
            worker.looks.judge_one_whole(worker.now)
    timely = timely_facts(engine)
    worker.look_at_all_of_the_past()
    check(api, engine)
    assert timely == timely_facts(engine)


def timely_facts(engine):
    """Return the stored episodes of timely rules, less the sentence: it names extremes since the event."""
    return {one[:-1] for one in stored(engine) if not one[0].startswith(("ODO", "SOH", "SIGN"))}


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival(api, engine, lookers, seed):
    """Shuffled, torn into single signals, in pieces of any size, with looks in between."""
    worker, chance = lookers(), random.Random(seed)
    rows = lived_through()
    if seed % 2:
        rows = [part for one in rows for part in torn(one, chance)]
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


def torn(reading, chance):
    """Split a reading into its signals, sometimes."""
    if chance.random() < 0.7:
        return [reading]
    names = Row._fields[FIRST_SIGNAL:]
    signals = reading[FIRST_SIGNAL:]
    return [
        Row(
            *reading[:FIRST_SIGNAL],
            *(value if other == name else None for other, value in zip(names, signals, strict=True)),
        )
        for name, value in zip(names, signals, strict=True)
        if value is not None
    ]


@pytest.mark.parametrize("seed", range(2))
def test_several_workers_and_kills(api, engine, lookers, seed):
    """Vehicles of all shares, three workers, one killed now and then: no episode is lost or double."""
    chance = random.Random(seed)
    vins = [f"VIN-{n:05}" for n in range(6)]
    lives = {vin: lived_through(vin, seed=n)[:700] for n, vin in enumerate(vins)}
    workers = [lookers(f"worker-{n}") for n in range(3)]
    for turn in range(0, 700, 70):
        rows = [one for vin in vins for one in lives[vin][turn : turn + 70]]
        if turn % 3 == 0:
            chance.shuffle(rows)
        keep(engine, rows)
        if chance.random() < 0.5:
            killed = chance.randrange(3)
            expire(engine, workers[killed].shares)
            workers[killed] = lookers(f"worker-{killed}-{turn}")
        for worker in (*workers, *workers):
            worker.look(20)
    for worker in workers:
        worker.look_at_all_of_the_past()
    held = [worker.shares.held for worker in workers]
    assert sum(map(len, held)) == 64 == len(frozenset().union(*held))
    for vin in vins:
        assert stored(engine, vin) == answered(api, vin)


def expire(engine, shares):
    """Let the claims of a worker run out, as half a minute after its end."""
    with engine.begin() as connection:
        for table, column in (("alert_shares", "claimed_until"), ("alert_workers", "seen_until")):
            name = "claimed_by" if table == "alert_shares" else "name"
            connection.execute(
                text(f"UPDATE {table} SET {column} = now() - interval '1 second' WHERE {name} = :name"),
                {"name": shares.name},
            )


def test_a_worker_whose_claim_ran_out_changes_nothing(engine, lookers):
    """A worker that was suspended finds its claim lost, and leaves the vehicles to the other one."""
    first, second = lookers("first"), lookers("second")
    first.look()
    expire(engine, first.shares)
    second.look()
    keep(engine, lived_through()[:100])
    first.now += timedelta(seconds=1)
    with pytest.raises(ClaimLostError):
        first.looks.look(first.now)
    assert stored(engine) == []
    second.look()
    second.looks.judge_one_whole(second.now)
    assert stored(engine) != []


def test_a_takeover_goes_on(engine, lookers):
    """A new worker takes the state over: a late reading that came meanwhile is found without a whole past."""
    rows = [row(second=10 * n, soc=50.0) for n in range(400)]
    first = lookers("first")
    keep(engine, rows)
    first.look()
    while first.looks.judge_one_whole(first.now):
        pass
    first.looks.save_all(first.now)
    expire(engine, first.shares)
    keep(engine, [row(second=10 * n + 5, soc=50.0, max_temp=55.0) for n in range(100, 130)])
    second = lookers("second")
    second.now = first.now
    second.look()
    assert "TEMP_HIGH" in {one[0] for one in stored(engine)}


def test_silent_vehicles(engine, lookers):
    """One episode from the last arrival on, ended by the next one; by our clock."""
    worker = lookers(silent_after=timedelta(hours=1))
    worker.now = START + timedelta(hours=2)
    keep(engine, [row(soc=50.0)])
    worker.look()
    worker.look()
    with engine.connect() as connection:
        [silent] = connection.execute(select(episodes)).mappings().all()
    assert (silent["code"], silent["started_at"], silent["ended_at"]) == ("VEHICLE_SILENT", START, None)
    assert [event for _, _, event in messages(engine)] == ["opened"]
    with engine.begin() as connection:
        actions.acknowledge(connection, silent["id"], by="Ana", note="In the workshop.", now=worker.now)
    keep(engine, [row(second=7_202, received_at=worker.now, soc=50.0)])
    worker.look()
    with engine.connect() as connection:
        [silent] = connection.execute(select(episodes)).mappings().all()
    assert silent["ended_at"] == worker.now - timedelta(seconds=1)
    # The worker has not read the row since.
    assert (silent["acknowledged_by"], len(silent["notes"])) == ("Ana", 1)
    assert [event for _, _, event in messages(engine)] == ["opened", "acknowledged", "closed"]


def runaway(begin):
    """Make readings of a cell that heats up by 2 °C a second."""
    return [row(second=begin + n, max_temp=30.0 + 2 * n, min_temp=29.0 + 2 * n) for n in range(25)]


def test_thermal_events(api, engine, lookers):
    """An event stays open until it is acknowledged, and a further one opens an episode of its own."""
    worker = lookers()
    worker.now = START + timedelta(seconds=30)

    def events():
        items = api.get("/api/episodes?code=THERMAL_EVENT").json()["items"]
        return [(one["state"], one["started_at"]) for one in items]

    keep(engine, runaway(0))
    worker.look()
    worker.look_at_all_of_the_past()
    assert [state for state, _ in events()] == ["open"]
    # The readings of this test are older than our clock: the acknowledgement, too, is dated back.
    [event] = api.get("/api/episodes?code=THERMAL_EVENT").json()["items"]
    with engine.begin() as connection:
        actions.acknowledge(connection, UUID(event["id"]), by="Ana", note=None, now=at(100))
    worker.look_at_all_of_the_past()
    assert [state for state, _ in events()] == ["closed"]
    keep(engine, [row(second=110 + 10 * n, max_temp=30.0, min_temp=29.0) for n in range(50)] + runaway(700))
    worker.look()
    worker.look_at_all_of_the_past()
    assert [state for state, _ in events()] == ["open", "closed"]


def test_a_vehicle_that_fails_alone(engine, lookers, monkeypatch, caplog):
    """An error of a rule ends the judgement of its vehicle only, and is logged with the VIN."""

    def fails_for_one(columns, *arguments, **options):
        if np.nanmax(columns[COLUMNS.index("max_temp")]) > 60:
            raise ZeroDivisionError
        return judge_last_hours(columns, *arguments, **options)

    monkeypatch.setattr(looks, "judge_last_hours", fails_for_one)
    worker = lookers()
    for vin, temp in (("VIN-00001", 65.0), ("VIN-00002", 55.0)):
        keep(engine, [row(vin, 10 * n, max_temp=temp, min_temp=temp - 2) for n in range(10)])
    worker.look()
    assert stored(engine, "VIN-00001") == []
    assert "TEMP_HIGH" in {one[0] for one in stored(engine, "VIN-00002")}
    assert "VIN-00001 can't be judged" in caplog.text


def healthy(second):
    return row(second=second, received_at=at(second + 0.2), soc=50.0, max_temp=30.0)


def test_readings_in_order_are_not_late(engine, lookers):
    """Over hours, no count of readings differs from the expected one: a healthy vehicle is never judged."""
    worker = lookers()
    for begin in range(0, 5 * 3_600, 600):
        keep(engine, [healthy(second) for second in range(begin, begin + 600, 10)])
        worker.look(61)
    keep(engine, [healthy(3_605)])
    assert worker.judged() == 0
    worker.look(61)
    assert worker.judged() == 1
