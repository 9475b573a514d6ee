"""Readings torn into pieces: in any order, repeated, by several writers, the result is that of whole ones."""

import random
import threading

import pytest
from sqlalchemy import text

from shared import rollups
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.same_moment import Verdict, complete
from shared.storage.store_readings import Outcome, store
from shared.wire.reading import SIGNALS, Row
from tests.hours import LATEST, NEWEST, close_all
from tests.pieces import torn
from tests.readings import START, row
from tests.ways import copy_from


@pytest.fixture(params=[1, 1_000_000], ids=["copy", "merge"])
def way(request, monkeypatch):
    """Set the number of rows from which COPY is used."""
    copy_from(monkeypatch, request.param)


def ask(engine, sql):
    with engine.connect() as connection:
        return [tuple(found) for found in connection.execute(text(sql))]


def whole(generator, number):
    """Draw readings of five vehicles over three hours, each with some signals or all."""
    found = {}
    while len(found) < number:
        names = [name for name in SIGNALS if generator.random() < generator.choice([0.3, 1.0])] or ["soc"]
        values = {name: generator.uniform(SIGNALS[name].low, SIGNALS[name].high) for name in names}
        one = row(f"VIN-{generator.randrange(5):05}", generator.randrange(3 * 3_600), **values)
        found[one[:2]] = one
    return list(found.values())


def check(engine, readings):
    """Table, hours, days and latest signals against the whole readings."""
    kept = ask(engine, f"SELECT vin, ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY vin, ts")
    assert kept == sorted((one.vin, one.ts, *one[3:]) for one in readings)
    assert ask(engine, f"SELECT {LATEST} FROM vehicle_latest ORDER BY vin") == ask(engine, NEWEST)
    counted = "SELECT vin, date_trunc('hour', ts, 'UTC'), count(*), max(soc), count(max_temp) FROM telemetry"
    hours = "SELECT vin, hour, samples, soc_max, max_temp_n FROM telemetry_hourly ORDER BY 1, 2"
    assert ask(engine, hours) == ask(engine, f"{counted} GROUP BY 1, 2 ORDER BY 1, 2")
    days = "SELECT vin, sum(samples)::int FROM telemetry_daily GROUP BY 1 ORDER BY 1"
    assert ask(engine, days) == ask(engine, "SELECT vin, count(*)::int FROM telemetry GROUP BY 1 ORDER BY 1")
    assert rollups.check(engine) == {}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(3))
def test_pieces_become_the_whole(engine, seed):
    """Shuffled, repeated, in batches of any size, with hours closed in between and calls rolled back."""
    generator = random.Random(seed)
    readings = whole(generator, 200)
    sent = [piece for one in readings for piece in torn(generator, one)]
    sent += generator.sample(sent, len(sent) // 4)
    generator.shuffle(sent)
    backoff, added, left = CopyBackoff(), 0, sent
    while left:
        size = generator.randint(1, 120)
        with engine.connect() as connection:
            outcome = store(connection, left[:size], backoff)
            if generator.random() < 0.1:
                connection.rollback()
                continue
            connection.commit()
        assert not outcome.conflicts
        assert outcome.stored + len(outcome.duplicates) == len(left[:size])
        added += outcome.stored
        left = left[size:]
        if generator.random() < 0.2:
            close_all(engine)
    check(engine, readings)
    close_all(engine)
    check(engine, readings)
    assert len(readings) <= added <= len(sent)


def test_several_writers_at_once(database_url, engine):
    """Four writers hold pieces of the same readings, and hours are closed meanwhile: no deadlock, no loss."""
    generator = random.Random(4)
    readings = whole(generator, 400)
    shares = [[] for _ in range(4)]
    for one in readings:
        for piece in torn(generator, one):
            for share in generator.sample(shares, 2):
                share.append(piece)
    errors = []

    def write(pieces, seed):
        own, backoff = writer_engine(database_url, name="rival"), CopyBackoff()
        chance = random.Random(seed)
        chance.shuffle(pieces)
        try:
            while pieces:
                size = chance.randint(1, 60)
                with own.begin() as connection:
                    assert not store(connection, pieces[:size], backoff).conflicts
                del pieces[:size]
        except Exception as error:  # noqa: BLE001 - the test has to see any error of the thread
            errors.append(error)
        finally:
            own.dispose()

    writers = [threading.Thread(target=write, args=(share, seed)) for seed, share in enumerate(shares)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        close_all(engine)
    for writer in writers:
        writer.join()
    assert errors == []
    check(engine, readings)
    close_all(engine)
    check(engine, readings)


@pytest.mark.usefixtures("way")
def test_a_piece_that_differs_takes_nothing_with_it(engine):
    """A conflict is refused whole, also where one of its signals would fill a null, and others go on."""
    pieces = [
        row(soc=50.0),
        row(soc=51.0, soh=90.0),
        row(soh=91.0),
        row(soh=90.0, odo_km=7.0),
        row(soc=50.0, odo_km=7.0),
    ]
    expected = Outcome(3, [], [1, 3])
    with engine.connect() as connection:
        assert store(connection, pieces, CopyBackoff()) == expected
        connection.rollback()
    found = Outcome(0, [], [])
    for place, piece in enumerate(pieces):
        with engine.begin() as connection:
            one = store(connection, [piece], CopyBackoff())
        found = Outcome(
            found.stored + one.stored,
            found.duplicates + [place] * len(one.duplicates),
            found.conflicts + [place] * len(one.conflicts),
        )
    assert found == expected
    assert ask(engine, "SELECT soc, soh, odo_km FROM telemetry") == [(50.0, 91.0, 7.0)]


def test_the_arrival_of_a_moment_is_its_first(engine):
    """The vehicle's last arrival is that of the last piece."""
    later = START.replace(hour=13)
    for arrival, signals in ((START, {"soc": 1.0}), (later, {"soh": 2.0})):
        with engine.begin() as connection:
            store(connection, [row(received_at=arrival, **signals)], CopyBackoff())
    assert ask(engine, "SELECT received_at FROM telemetry") == [(START,)]
    assert ask(engine, "SELECT received_at FROM vehicle_latest") == [(later,)]


def test_late_data_is_a_sign_of_life(engine):
    """An old reading that arrives now changes no newest value and is heard."""
    later = START.replace(hour=13)
    with engine.begin() as connection:
        store(connection, [row(second=0, soc=1.0)], CopyBackoff())
    with engine.begin() as connection:
        store(connection, [row(second=-60, received_at=later, soc=2.0)], CopyBackoff())
    assert ask(engine, "SELECT ts, received_at, soc FROM vehicle_latest") == [(START, later, 1.0)]


def test_one_verdict_for_each_reading():
    """The rule alone: what a reading adds to the signals known of its moment."""
    known = (1.0, None, None, None, None, None, None)
    rows = [row(soc=1.0), row(soc=1.0, soh=2.0), row(soh=3.0), row(soh=2.0)]
    completed, verdicts = complete(known, rows)
    assert verdicts == [Verdict.DUPLICATE, Verdict.STORED, Verdict.CONFLICT, Verdict.DUPLICATE]
    assert completed == Row("VIN-00001", START, START, 1.0, 2.0, None, None, None, None, None)
