"""Rejections are bounded by age and by number, in small steps that delay no other work."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.rejections.model import keep_rejections
from shared.rejections.retention import PASS_ROWS, Retention, purge, purge_all
from shared.settings import RetentionSettings
from shared.storage.engine import writer_engine
from shared.wire.refusal import Reason, Rejection
from tests.readings import at

DAY_S = 86_400


@pytest.fixture
def keep(engine):
    """Keep a rejection for each of these seconds after START."""

    def make(*seconds):
        with engine.begin() as connection:
            keep_rejections(
                connection,
                [
                    Rejection("VIN-00001", at(second), Reason.BAD_JSON, "", n, b"t", str(second).encode())
                    for n, second in enumerate(seconds)
                ],
            )

    return make


@pytest.fixture
def left(engine):
    """Return the seconds of the rejections that are left, oldest first."""

    def query():
        with engine.connect() as connection:
            sql = "SELECT received_at FROM rejections ORDER BY received_at"
            return [(moment - at(0)).total_seconds() for moment in connection.execute(text(sql)).scalars()]

    return query


@pytest.fixture
def run(engine):
    """One pass, ten days after START."""

    def one_pass(**bounds):
        with engine.begin() as connection:
            return purge(connection, now=at(10 * DAY_S), **{"keep_days": 0, "keep_rows": 0, **bounds})

    return one_pass


def settings(**bounds):
    return RetentionSettings(_env_file=None, **bounds)


def test_by_age(keep, left, run):
    """Rejections older than so many days are deleted; those exactly as old stay."""
    keep(0, 9 * DAY_S - 1, 9 * DAY_S, 10 * DAY_S)
    assert run(keep_days=1) == 2
    assert left() == [9 * DAY_S, 10 * DAY_S]
    assert run(keep_days=1) == 0


def test_by_number(keep, left, run):
    """The newest so many stay, also where several share a moment."""
    keep(5, 1, 4, 4, 4, 2, 3)
    assert run(keep_rows=3) == 4
    assert left() == [4, 4, 5]
    assert run(keep_rows=3) == 0
    assert run(keep_rows=2) == 1
    assert left() == [4, 5]


def test_without_bounds_all_is_kept(keep, left, run):
    """0 means no limit."""
    keep(0, 1)
    assert run() == 0
    assert left() == [0, 1]


def test_both_bounds_hold(keep, left, run):
    """By age old ones are deleted, by number those beyond it."""
    keep(0, 1, 9.5 * DAY_S, 9.75 * DAY_S, 10 * DAY_S)
    assert run(keep_days=1, keep_rows=2) == 3
    assert left() == [9.75 * DAY_S, 10 * DAY_S]


def test_a_pass_is_bounded_and_takes_the_oldest(keep, left, run):
    """A pass deletes at most so many, by both limits together; the next pass continues."""
    keep(3, 1, 2, 9.5 * DAY_S, 9.75 * DAY_S, 10 * DAY_S)
    bounds = {"keep_days": 1, "keep_rows": 1, "at_most": 2}
    assert run(**bounds) == 2
    assert left()[0] == 3
    assert run(**bounds) == 2
    assert run(**bounds) == 1
    assert left() == [10 * DAY_S]


def test_a_rejection_in_use_is_left_for_the_next_pass(keep, left, run, database_url):
    """While a replay holds the oldest one, a pass neither waits for it nor takes it."""
    keep(0, 1, 2)
    other = writer_engine(database_url, name="replay")
    with other.begin() as connection:
        connection.execute(text("SELECT * FROM rejections ORDER BY received_at LIMIT 1 FOR UPDATE"))
        assert run(keep_rows=1) == 1
        assert left() == [0, 2]
    other.dispose()
    assert run(keep_rows=1) == 1
    assert left() == [2]


@pytest.fixture
def keep_many(engine):
    """Keep so many rejections, a second apart, the newest of them a second ago."""

    def make(count):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO rejections SELECT 'VIN-00001', gen_random_uuid(),"
                    " now() - n * interval '1 s', 'bad_json', '', NULL, '', ''"
                    " FROM generate_series(1, :count) AS n"
                ),
                {"count": count},
            )

    return make


def test_purging_all_takes_as_many_passes_as_it_needs(engine, keep_many, left):
    """The next passes delete the rest of more than one pass may delete."""
    keep_many(PASS_ROWS + 10)
    assert purge_all(engine, settings(rejections_keep_rows=5)) == PASS_ROWS + 5
    assert len(left()) == 5


class Clock:
    """A clock that a test sets, in seconds."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_it_is_applied_at_start_and_every_hour(engine, keep, left):
    """Called as often as the worker's loop turns, retention runs once an hour."""
    clock = Clock()
    retention = Retention(settings(rejections_keep_days=0, rejections_keep_rows=1), engine, clock)
    keep(0, 1)
    assert retention.apply_when_due() == 1
    keep(2, 3, 4)
    clock.now += 3599
    assert retention.apply_when_due() == 0
    clock.now += 1
    assert retention.apply_when_due() == 3
    assert len(left()) == 1


def test_it_goes_on_soon_while_there_is_more(engine, keep_many, left):
    """A pass that deleted all it may is followed by another a second later, and that by an hour's rest."""
    clock = Clock()
    retention = Retention(settings(rejections_keep_rows=5), engine, clock)
    keep_many(PASS_ROWS + 10)
    assert [retention.apply_when_due(), retention.apply_when_due()] == [PASS_ROWS, 0]
    clock.now += 1
    assert [retention.apply_when_due(), retention.apply_when_due()] == [5, 0]
    keep_many(1)
    clock.now += 1
    assert retention.apply_when_due() == 0
    assert len(left()) == 6


def test_a_database_that_is_away_stops_nobody(caplog):
    """The worker goes on: a line in the log, and another attempt after five minutes."""
    clock = Clock()
    engine = writer_engine("postgresql+psycopg://nobody@127.0.0.1:1/battery", name="test")
    retention = Retention(settings(), engine, clock)
    assert [retention.apply_when_due() for _ in range(3)] == [0, 0, 0]
    assert len(caplog.records) == 1
    clock.now += 300
    retention.apply_when_due()
    assert len(caplog.records) == 2
    engine.dispose()


def test_old_ones_go_by_the_real_clock(engine, keep, left):
    """The defaults keep 30 days: older rejections are deleted, new ones stay."""
    keep(0)
    with engine.begin() as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        fresh = Rejection("VIN-00001", now - timedelta(days=29), Reason.BAD_JSON, "", None, b"t", b"fresh")
        stale = Rejection("VIN-00001", now - timedelta(days=31), Reason.BAD_JSON, "", None, b"t", b"stale")
        keep_rejections(connection, [fresh, stale])
    assert purge_all(engine, settings()) >= 1
    assert (now - at(0)).total_seconds() - 29 * DAY_S in left()
