"""Closing hours: no transaction is missed, and a stop at any step leaves every answer exact."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from ingest_worker import hour_closer
from ingest_worker.hour_closer import HourCloser
from shared import rollups
from shared.settings import WorkerSettings
from shared.storage.close_hours import QUIET, close_hours, closing_lock, count_due_hours
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.store_readings import store
from tests.conftest import eventually
from tests.hours import close_all
from tests.readings import START, row


@pytest.fixture
def writer(database_url):
    engine = writer_engine(database_url, name="writer")
    yield engine
    engine.dispose()


def ask(engine, sql):
    with engine.connect() as connection:
        return [tuple(found) for found in connection.execute(text(sql))]


def put(engine, *rows):
    with engine.begin() as connection:
        store(connection, rows, CopyBackoff())


def hours(engine, table="telemetry_hourly"):
    return ask(engine, f"SELECT vin, hour, samples FROM {table} ORDER BY 1, 2")


def marks(engine):
    return ask(engine, "SELECT (SELECT count(*) FROM open_hours), (SELECT count(*) FROM closing_hours)")[0]


def test_an_hour_is_closed_once_it_is_quiet(engine):
    """Neither before its end and ten minutes, nor within ten minutes of its first mark."""
    put(engine, row(second=0), row(second=3_600))
    now = datetime.now(UTC)
    for moment, closed in ((now, 0), (now + QUIET - timedelta(seconds=30), 0), (now + QUIET, 2)):
        assert close_hours(engine, now=moment, wait=lambda: False) == closed
    assert hours(engine, "closed_hours") == [("VIN-00001", START + timedelta(hours=n), 1) for n in (0, 1)]
    assert marks(engine) == (0, 0)


def test_the_present_hour_stays_open(engine):
    now = datetime.now(UTC)
    present = row()._replace(ts=now)
    put(engine, present)
    assert close_hours(engine, now=now + QUIET, wait=lambda: False) == 0
    assert marks(engine) == (1, 0)
    later = now + QUIET + timedelta(hours=1)
    assert close_hours(engine, now=later, wait=lambda: False) == 1


def test_a_transaction_that_found_the_mark_is_awaited(engine, writer, database_url):
    """It inserted no mark; the call ends after it, and the hour holds its reading."""
    put(engine, row(second=0))
    closer = writer_engine(database_url, name="closer")
    polled, closed = threading.Event(), []

    def wait():
        polled.set()
        time.sleep(0.01)
        return True

    with writer.connect() as connection:
        store(connection, [row(second=1)], CopyBackoff())
        thread = threading.Thread(
            target=lambda: closed.append(close_hours(closer, now=datetime.now(UTC), quiet=None, wait=wait))
        )
        thread.start()
        assert polled.wait(10)
        assert (hours(engine), marks(engine), closed) == ([("VIN-00001", START, 1)], (0, 1), [])
        connection.commit()
    thread.join(10)
    closer.dispose()
    assert closed == [1]
    assert hours(engine, "closed_hours") == hours(engine) == [("VIN-00001", START, 2)]


def test_a_transaction_with_the_greatest_number_is_awaited(engine, writer, database_url):
    """A transaction that began while marks were moved, and that is newer than all that have ended."""
    put(engine, row(second=0))
    closer = writer_engine(database_url, name="closer")
    waits = []
    with writer.connect() as connection:

        @event.listens_for(closer, "begin")
        def store_more(moving):
            if not waits:
                moving.exec_driver_sql("SELECT pg_current_xact_id()")
                store(connection, [row(second=1)], CopyBackoff())
                waits.append(0)

        def wait():
            waits.append(1)
            connection.commit()
            return True

        assert close_hours(closer, now=datetime.now(UTC), quiet=None, wait=wait) == 1
    closer.dispose()
    assert waits == [0, 1]
    assert hours(engine, "closed_hours") == [("VIN-00001", START, 2)]


def test_giving_up_leaves_the_hour_exact(engine, writer):
    """The mark waits for the next call; meanwhile the hour is taken from its readings."""
    put(engine, row(second=0))
    with writer.connect() as connection:
        store(connection, [row(second=1)], CopyBackoff())
        assert close_hours(engine, now=datetime.now(UTC), quiet=None, wait=lambda: False) == 0
        assert marks(engine) == (0, 1)
        connection.commit()
    assert hours(engine) == [("VIN-00001", START, 2)]
    assert hours(engine, "closed_hours") == []
    close_all(engine)
    assert hours(engine, "closed_hours") == [("VIN-00001", START, 2)]
    assert marks(engine) == (0, 0)


def test_a_reading_between_the_steps_opens_the_hour_again(engine, database_url):
    """Stored after the hour was computed and before its mark was deleted: the new mark stays."""
    put(engine, row(second=0))
    other = writer_engine(database_url, name="closer")

    @event.listens_for(other, "before_cursor_execute")
    def store_more(_connection, _cursor, statement, *_rest):
        if statement.lstrip().startswith("DELETE FROM closing_hours"):
            put(engine, row(second=1))

    close_all(other)
    other.dispose()
    assert hours(engine, "closed_hours") == [("VIN-00001", START, 1)]
    assert marks(engine) == (1, 0)
    assert hours(engine) == [("VIN-00001", START, 2)]
    assert rollups.check(engine) == {}
    close_all(engine)
    assert hours(engine, "closed_hours") == [("VIN-00001", START, 2)]


def test_late_readings_and_fills_open_a_closed_hour(engine):
    """Counted at once, and computed anew later; days follow."""
    put(engine, row(second=0, soc=10.0))
    close_all(engine)
    put(engine, row(second=0, soh=90.0), row(second=1, soc=5.0))
    day = "SELECT samples, soc_min FROM {}"
    assert ask(engine, day.format("telemetry_daily")) == [(2, 5.0)]
    assert ask(engine, day.format("closed_days")) == [(1, 10.0)]
    assert ask(engine, "SELECT samples, soc_n, soh_n FROM telemetry_hourly") == [(2, 2, 1)]
    close_all(engine)
    assert ask(engine, day.format("closed_days")) == [(2, 5.0)]
    assert ask(engine, "SELECT samples, soc_n, soh_n FROM closed_hours") == [(2, 2, 1)]


def test_the_number_of_hours_that_are_due(engine):
    """Ten minutes after the end of an hour and its mark, and while the hour is being closed."""
    put(engine, row(second=0), row(second=3_600))
    now = datetime.now(UTC)
    assert [count_due_hours(engine, now=now + wait) for wait in (QUIET / 2, QUIET)] == [0, 2]
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH gone AS (DELETE FROM open_hours RETURNING vin, hour)"
                " INSERT INTO closing_hours SELECT vin, hour FROM gone"
            )
        )
    assert count_due_hours(engine, now=now) == 2
    close_all(engine)
    assert count_due_hours(engine, now=now + QUIET) == 0


def test_a_duplicate_opens_nothing(engine):
    """A redelivered batch leaves closed hours closed."""
    put(engine, row(second=0))
    close_all(engine)
    put(engine, row(second=0))
    assert marks(engine) == (0, 0)


def test_one_closes_at_a_time(engine, writer):
    """The lock is one of the database, and ends with its connection."""
    with closing_lock(engine) as first:
        assert first
        with closing_lock(writer, wait=False) as second:
            assert not second
    with closing_lock(writer, wait=False) as third:
        assert third


def test_the_workers_thread(engine, database_url, monkeypatch, tmp_path):
    """It closes quiet hours at its interval, survives an error, and stops at once."""
    monkeypatch.chdir(tmp_path)
    put(engine, row(second=0), row(second=3_600))
    calls = []

    def closing(*arguments, **options):
        calls.append(options)
        if len(calls) == 1:
            raise OSError("no route")
        return close_hours(*arguments, **{**options, "now": options["now"] + QUIET})

    monkeypatch.setattr(hour_closer, "close_hours", closing)
    due = []
    settings = WorkerSettings(database_url=database_url)
    closer = HourCloser(settings, interval_s=0.05, tell_due=due.append)
    closer.start()
    eventually(lambda: marks(engine) == (0, 0))
    eventually(lambda: due)
    assert set(due) == {0}
    began = time.monotonic()
    closer.stop()
    assert time.monotonic() - began < 2
    assert len(calls) >= 2
    assert len(hours(engine, "closed_hours")) == 2
