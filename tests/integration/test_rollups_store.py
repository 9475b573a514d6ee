"""Rollups after any stored batches: equal to a count over all readings."""

import random
import threading
from math import isclose

import pytest
from sqlalchemy import text

from ingest_worker.batch import BatchContents
from ingest_worker.delivery import Delivery
from ingest_worker.write_batch import BatchWriter
from shared import rollups
from shared.storage import store_readings as module
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.hourly_rollup import FIGURES, SERIES
from shared.storage.store_readings import store
from shared.wire.reading import SIGNALS
from tests.hours import LATEST, NEWEST, close_all
from tests.readings import START, at, row
from tests.ways import copy_from

EXPRESSIONS = {**{name: name for name in SIGNALS}, "power_kw": "pack_voltage * pack_current / 1000"}
COUNTED = ", ".join(
    f"{figure.format(EXPRESSIONS[name])}"
    for name in SERIES
    for figure in ("count({0})", "min({0})", "max({0})", "coalesce(sum({0}), 0)")
)
COLUMNS = ["vin", "hour", "samples", *(f"{name}_{figure}" for name in SERIES for figure in FIGURES)]


@pytest.fixture(params=[1, 50, 1_000_000], ids=["copy", "either", "merge"])
def way(request, monkeypatch):
    """Set the number of rows from which COPY is used."""
    copy_from(monkeypatch, request.param)
    return request.param


def ask(engine, sql):
    with engine.connect() as connection:
        return [tuple(found) for found in connection.execute(text(sql))]


def check(engine):
    """Both tables against `telemetry`: counts, extremes and newest rows exactly, sums as doubles go."""
    kept = ask(engine, f"SELECT {', '.join(COLUMNS)} FROM telemetry_hourly ORDER BY vin, hour")
    hours = f"SELECT vin, date_trunc('hour', ts, 'UTC'), count(*), {COUNTED} FROM telemetry GROUP BY 1, 2"
    counted = ask(engine, f"{hours} ORDER BY 1, 2")
    assert [line[:3] for line in kept] == [line[:3] for line in counted]
    for line, expected in zip(kept, counted, strict=True):
        for name, value, wanted in zip(COLUMNS, line, expected, strict=True):
            if name.endswith("_sum"):
                assert isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-6), name
            else:
                assert value == wanted, name
    assert ask(engine, f"SELECT {LATEST} FROM vehicle_latest ORDER BY vin") == ask(engine, NEWEST)
    assert rollups.check(engine) == {}


def made_up(generator, number, vehicles=6, hours=5):
    """Draw readings with gaps, of some vehicles and hours, several exactly at the start of an hour."""
    found = {}
    while len(found) < number:
        second = generator.choice([generator.randrange(3_600 * hours), 3_600 * generator.randrange(hours)])
        signals = {
            name: generator.choice([signal.low, signal.high, generator.uniform(signal.low, signal.high)])
            for name, signal in SIGNALS.items()
            if generator.random() < 0.7
        }
        one = row(f"VIN-{generator.randrange(vehicles):05}", second, **(signals or {"soc": -0.0}))
        found[one[:2]] = one
    return list(found.values())


def altered(one):
    """Return the row with another value of one of its signals."""
    name = next(name for name in SIGNALS if getattr(one, name) is not None)
    return one._replace(**{name: 99.5 if getattr(one, name) != 99.5 else 1.5})


@pytest.mark.parametrize("seed", range(3))
def test_as_if_counted_over_all(engine, way, seed):
    """Shuffled, repeated, contradicted, in batches of any size, some of them rolled back."""
    generator = random.Random(seed)
    readings = made_up(generator, 600)
    sent = readings + generator.sample(readings, 200)
    sent += [altered(one) for one in generator.sample(readings, 100)]
    generator.shuffle(sent)
    first = {}
    for one in sent:
        first.setdefault(one[:2], one)
    caution, stored, left = CopyBackoff(), 0, sent
    while left:
        size = generator.randint(1, 150)
        with engine.connect() as connection:
            outcome = store(connection, left[:size], caution)
            assert outcome.stored + len(outcome.duplicates) + len(outcome.conflicts) == len(left[:size])
            if generator.random() < 0.2:
                connection.rollback()
                continue
            connection.commit()
        stored += outcome.stored
        left = left[size:]
        if generator.random() < 0.1:
            close_all(engine)
        if generator.random() < 0.3:
            check(engine)
    check(engine)
    close_all(engine)
    check(engine)
    assert ask(engine, "SELECT count(*) FROM open_hours") == [(0,)]
    assert stored == 600
    assert {(vin, ts): soc for vin, ts, soc in ask(engine, "SELECT vin, ts, soc FROM telemetry")} == {
        key: one.soc for key, one in first.items()
    }


@pytest.mark.usefixtures("way")
def test_a_rolled_back_call_leaves_nothing(engine):
    """Neither a first call leaves rows, nor one that adds to stored ones."""
    readings = made_up(random.Random(1), 200)
    tables = ("telemetry", "open_hours", "vehicle_latest")
    for before in ([], readings[:100]):
        with engine.begin() as connection:
            store(connection, before, CopyBackoff())
        known = [ask(engine, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
        assert [bool(found) for found in known] == [bool(before)] * 3
        with engine.connect() as connection:
            assert store(connection, readings, CopyBackoff()).stored == 200 - len(before)
            connection.rollback()
        assert [ask(engine, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables] == known
    check(engine)


def test_rows_that_the_database_refuses_are_not_counted(engine, way):
    """Around them the batch is stored in halves, each of them undone where it holds such a row."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_soc_check"))
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soc_check CHECK (soc <> 13)"))
    readings = [row(f"VIN-{n % 5:05}", n * 60, soc=13.0 if n in {3, 150, 151} else 1.0) for n in range(300)]
    random.Random(1).shuffle(readings)
    sent = [*readings, *readings[:20], altered(readings[40])]
    deliveries = [Delivery(b"t", b"{}", 1, b"\0\1", False, False, 1, START) for _ in sent]
    contents = BatchContents(deliveries, list(range(len(sent))), sent)
    with engine.begin() as connection:
        written = BatchWriter().write_around_poison(connection, contents)
    twice = [place for place in range(300, 320) if sent[place].soc != 13.0]
    assert (written.stored, sorted(written.duplicates)) == (297, twice)
    assert {place: sent[place].soc for place in written.late if place != 320} == {
        place: 13.0 for place, one in enumerate(sent) if one.soc == 13.0
    }
    assert written.late[320].reason.value == "conflict"
    check(engine)
    assert ask(engine, "SELECT sum(samples)::int FROM telemetry_hourly") == [(297,)]


def test_two_writers_at_once(database_url, engine, way):
    """The same keys and others, in opposite orders: no deadlock, and no reading counted twice or never."""
    errors, stored = [], []

    def write(batches):
        own = writer_engine(database_url, name="rival")
        caution = CopyBackoff()
        try:
            for batch in batches:
                with own.begin() as connection:
                    outcome = store(connection, batch, caution)
                stored.append(outcome.stored)
        except Exception as error:  # noqa: BLE001 - the test has to see any error of the thread
            errors.append(error)
        finally:
            own.dispose()

    generator = random.Random(7)
    batches = [[row(f"VIN-{n % 9:05}", 2_000 * turn + 11 * n) for n in range(240)] for turn in range(15)]
    shared = [batch[40:] for batch in batches]
    others = [generator.sample(batch, len(batch)) for batch in (batch[:200] for batch in batches)]
    rivals = [
        threading.Thread(target=write, args=(sent,))
        for sent in (shared, [batch[::-1] for batch in others], [batch[::-1] for batch in shared])
    ]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert errors == []
    expected = len({one[:2] for batch in batches for one in batch})
    assert (sum(stored), ask(engine, "SELECT count(*) FROM telemetry")) == (expected, [(expected,)])
    check(engine)


@pytest.fixture
def ways(engine, monkeypatch):
    """Store a batch with the backoff of those before; return the ways used: "copy", "insert" or both."""
    copy_from(monkeypatch, 1)
    caution, used = CopyBackoff(), []

    def watch(name):
        real = getattr(module, name)

        def watched(*arguments):
            used.append(name[1:])
            return real(*arguments)

        monkeypatch.setattr(module, name, watched)

    watch("_copy")
    watch("_insert")

    def write(*batch):
        used.clear()
        with engine.begin() as connection:
            store(connection, batch, caution)
        return " ".join(used)

    return write


def test_copy_comes_back(engine, ways):
    """Batches are merged after a duplicate; without further ones COPY returns, later each time."""
    fresh = (row(second=second) for second in range(1_000, 9_000))
    known = next(fresh)
    assert ways(known) == "copy"
    assert ways(known, next(fresh)) == "copy insert"
    assert [ways(known) for _ in range(3)] == ["insert"] * 3
    assert [ways(next(fresh)) for _ in range(2)] == ["insert", "copy"]
    for merged in (1, 2, 4, 8):
        assert ways(known) == "copy insert"
        assert [ways(next(fresh)) for _ in range(merged)] == ["insert"] * merged
    # A COPY that succeeds resets the backoff.
    assert ways(next(fresh)) == "copy"
    assert [ways(known), ways(next(fresh)), ways(next(fresh))] == ["copy insert", "insert", "copy"]
    check(engine)


def test_a_key_twice_in_a_batch_tells_nothing_of_the_table(engine, ways):
    """The readings of one key are joined before, and COPY is used."""
    twice = row()
    assert ways(twice, twice, row(soh=90.0)) == "copy"
    assert ways(row(second=1)) == "copy"
    check(engine)


def test_merging_has_an_end():
    """However often COPY fails in a row, after 256 batches without a duplicate it is tried again."""
    caution = CopyBackoff()
    for _ in range(20):
        caution.failed()
        caution.merged(all_new=False)
    for _ in range(256):
        assert caution.advises_merging
        caution.merged(all_new=True)
    assert not caution.advises_merging


def test_the_hours_of_a_long_time(engine, way):
    """One batch over many hours, and one reading in each of them later, before those that are there."""
    hours = 200
    with engine.begin() as connection:
        store(connection, [row(second=3_600 * n + 1_800, soc=50.0) for n in range(hours)], CopyBackoff())
    with engine.begin() as connection:
        store(
            connection, [row(second=3_600 * n, soc=n / hours) for n in reversed(range(hours))], CopyBackoff()
        )
    check(engine)
    lines = ask(engine, "SELECT hour, samples, soc_min, soc_max FROM telemetry_hourly ORDER BY hour")
    assert lines == [(at(3_600 * n), 2, n / hours, 50.0) for n in range(hours)]
