"""Insertion of readings, against a real PostgreSQL."""

import random
import threading

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.rejections.model import keep_rejections
from shared.storage import store_readings as module
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.error_classes import Fault, classify
from shared.storage.store_readings import Outcome, store
from shared.wire.refusal import Reason, Rejection
from tests.readings import START, at, row
from tests.ways import copy_from


@pytest.fixture(params=["merge", "copy"])
def put(request, monkeypatch):
    """Return `store` by COPY or by merging, for any number of rows, without a history."""
    copy_from(monkeypatch, 1 if request.param == "copy" else 1_000_000)
    copies = []
    copy = module._copy

    def watched(connection, ordered):
        figures = copy(connection, ordered)
        copies.append(figures is not None)
        return figures

    def write(connection, sent):
        return store(connection, sent, CopyBackoff())

    monkeypatch.setattr(module, "_copy", watched)
    write.copies = copies
    write.way = request.param
    return write


def rows(engine, sql):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_a_reading_is_stored_once(engine, put):
    """The same values again are a duplicate, another value is a conflict; the first one stays."""
    with engine.begin() as connection:
        assert put(connection, [row(soc=10.0)]) == Outcome(1, (), ())
    with engine.begin() as connection:
        assert put(connection, [row(soc=10.0)]) == Outcome(0, [0], [])
    with engine.begin() as connection:
        assert put(connection, [row(soc=20.0)]) == Outcome(0, [], [0])
    assert rows(engine, "SELECT soc FROM telemetry") == [(10.0,)]
    assert rows(engine, "SELECT soc FROM vehicle_latest") == [(10.0,)]


def test_the_first_of_two_in_one_call_stays(engine, put):
    """Within one call, too, the first of two readings with the same key is the one that is kept."""
    twice = [row(second=1, soc=1.0), row(second=0, soc=2.0), row(second=1, soc=3.0)]
    with engine.begin() as connection:
        assert put(connection, twice) == Outcome(2, [], [2])
    assert rows(engine, "SELECT soc FROM telemetry ORDER BY ts") == [(2.0,), (1.0,)]


def test_the_places_of_duplicates(engine, put):
    """Among new readings, those that were there before and those that come twice, of several vehicles."""
    known = [row("VIN-00001", 5), row("VIN-00002", 7)]
    with engine.begin() as connection:
        put(connection, known)
    new = [row(f"VIN-0000{n % 4}", n // 4) for n in range(12)]
    sent = [new[0], known[1], *new[1:8], new[3], known[0], *new[8:], known[1], new[0]]
    with engine.begin() as connection:
        assert put(connection, sent) == Outcome(12, [1, 9, 10, 15, 16], [])


def test_a_signal_fills_a_null(engine, put):
    """Each line of the contract's table, in one call: added, there already, and another value."""
    with engine.begin() as connection:
        put(connection, [row(soc=1.0)])
    sent = [row(soc=1.0), row(soc=1.0, soh=90.0), row(soh=90.0), row(soc=2.0, odo_km=5.0), row(max_temp=20.0)]
    with engine.begin() as connection:
        assert put(connection, sent) == Outcome(2, [0, 2], [3])
    assert rows(engine, "SELECT soc, soh, max_temp, odo_km FROM telemetry") == [(1.0, 90.0, 20.0, None)]


def test_nothing_to_store(engine, put):
    """An empty call is no error."""
    with engine.begin() as connection:
        assert put(connection, []) == Outcome(0, (), ())


def test_numbers_come_back_exactly(engine, put):
    """Any double is stored as it is: no digit lost, none added."""
    generator = random.Random(1)
    values = [310.1, 0.1 + 0.2, 5e-324, 1e-7, 99.99999999999999] + [
        generator.uniform(0, 6000) for _ in range(500)
    ]
    with engine.begin() as connection:
        put(connection, [row(second=n, pack_voltage=value) for n, value in enumerate(values)])
    assert [volts for (volts,) in rows(engine, "SELECT pack_voltage FROM telemetry ORDER BY ts")] == values


def test_a_rolled_back_call_leaves_nothing(engine, put):
    """The outcome that store returned is valid only after its transaction has committed."""
    with engine.connect() as connection:
        put(connection, [row()])
        connection.rollback()
    assert rows(engine, "SELECT count(*) FROM telemetry") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM vehicle_latest") == [(0,)]


@pytest.mark.parametrize("seed", range(3))
def test_latest_is_the_newest_whatever_the_order(engine, put, seed):
    """Shuffled, split and repeated, the latest reading is always the one with the newest ts."""
    generator = random.Random(seed)
    readings = [row(f"VIN-0000{n % 5}", n, soc=n / 10) for n in range(200)]
    sent = readings * 2
    generator.shuffle(sent)
    while sent:
        size = generator.randint(1, 40)
        with engine.begin() as connection:
            put(connection, sent[:size])
        del sent[:size]
    expected = [(f"VIN-0000{n % 5}", at(n), n / 10) for n in range(195, 200)]
    assert rows(engine, "SELECT vin, ts, soc FROM vehicle_latest ORDER BY vin") == expected
    assert rows(engine, "SELECT count(*) FROM telemetry") == [(200,)]


def test_two_writers_of_the_same_readings_do_not_deadlock(database_url, put):
    """Two writers with the same keys in opposite orders: each key once, and no deadlock in 20 rounds."""
    errors = []

    def write(readings):
        engine = writer_engine(database_url, name="rival")
        try:
            with engine.begin() as connection:
                put(connection, readings)
        except Exception as error:  # noqa: BLE001 - the test has to see any error of the thread
            errors.append(error)
        finally:
            engine.dispose()

    for round_number in range(20):
        readings = [row(f"VIN-{n % 7:05}", round_number * 1000 + n) for n in range(300)]
        rivals = [threading.Thread(target=write, args=(r,)) for r in (readings, readings[::-1])]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
    assert errors == []
    engine = writer_engine(database_url, name="reader")
    assert rows(engine, "SELECT count(*) FROM telemetry") == [(6000,)]
    engine.dispose()


def test_two_writers_of_the_same_rejections_do_not_deadlock(database_url):
    """Rejections go in by key as well: two workers with the same bad messages get along."""
    errors = []

    def write(rejections):
        engine = writer_engine(database_url, name="rival")
        try:
            with engine.begin() as connection:
                keep_rejections(connection, rejections)
        except Exception as error:  # noqa: BLE001 - the test has to see any error of the thread
            errors.append(error)
        finally:
            engine.dispose()

    for round_number in range(20):
        bad = [
            Rejection(
                f"VIN-{n % 7:05}", START, Reason.BAD_JSON, "x", None, b"t", f"{round_number}-{n}".encode()
            )
            for n in range(300)
        ]
        rivals = [threading.Thread(target=write, args=(order,)) for order in (bad, bad[::-1])]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
    assert errors == []


@pytest.mark.parametrize(
    "values",
    [
        "('VIN-00001', now(), now(), 'NaN')",
        "('VIN-00001', now(), now(), 100.1)",
        "('VIN-00001', now(), now(), NULL)",
        "('VIN', now(), now(), 1)",
        "(repeat('V', 41), now(), now(), 1)",
        "('VIN-00001', '1999-12-31 23:59:59Z', now(), 1)",
    ],
)
def test_the_table_itself_refuses_what_no_reading_may_hold(engine, values):
    """A value that slipped past our checks can't be stored: NaN, out of range, no signal, bad VIN."""
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text(f"INSERT INTO telemetry (vin, ts, received_at, soc) VALUES {values}"))


BAD_VINS = ["vin-00001", "VIN", "V" * 41, "VIN 00001", "VIN-00001\n", "VIN_00001", "\u0412IN-00001", ""]


@pytest.mark.parametrize("vin", BAD_VINS, ids=range(len(BAD_VINS)))
def test_the_letters_of_a_vin_are_checked_beside_its_hours(engine, vin):
    """Once for each vehicle and hour: every one that is stored is written there, too."""
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text("INSERT INTO open_hours (vin, hour) VALUES (:vin, now())"), {"vin": vin})


BAD_ROWS = [
    *(row()._replace(vin=vin) for vin in [*BAD_VINS, "VIN-0000\0", "VIN-0000\ud800"]),
    row()._replace(soc=float("nan")),
    row()._replace(soc=100.1),
    row()._replace(soc=None),
    row()._replace(ts=START.replace(year=1999)),
]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_bad_row_is_refused_by_either_way(engine, put, bad):
    """The error is the row's, not the database's; the other rows can be stored in the same transaction."""
    good = [row(second=second) for second in (1, 2)]
    with engine.begin() as connection:
        with (
            pytest.raises((DBAPIError, psycopg.Error, UnicodeEncodeError)) as refused,
            connection.begin_nested(),
        ):
            put(connection, [good[0], bad, good[1]])
        assert classify(refused.value) is Fault.POISON
        assert put(connection, good) == Outcome(2, (), ())
    assert rows(engine, "SELECT count(*) FROM telemetry") == [(2,)]
    assert rows(engine, "SELECT vin, samples FROM telemetry_hourly") == [("VIN-00001", 2)]


def test_which_way_it_went(engine, put):
    """The cases of this file insert as their names say; readings of one key are joined before."""
    sent = [row(second=second) for second in range(100)]
    for batch in (sent, sent, [row("VIN-00002")] * 2):
        with engine.begin() as connection:
            put(connection, batch)
    assert put.copies == ([True, False, True] if put.way == "copy" else [])
    assert rows(engine, "SELECT count(*) FROM telemetry") == [(101,)]
