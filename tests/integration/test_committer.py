"""Batches that are too large for the database at once, on a PostgreSQL that is slow on purpose."""

import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from ingest_worker.batch import Arrivals, Batch, Entry
from ingest_worker.committer import Committer
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.delivery import Delivery
from ingest_worker.stored_messages import find_stored
from scripts.faults.proxy import Mode, Proxy
from shared.storage.engine import writer_engine
from shared.storage.error_classes import Fault, classify
from shared.wire.decoder import Decoded
from tests.readings import START, payload, raw, row

SLOW_ROWS = """
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON telemetry FOR EACH ROW EXECUTE FUNCTION dawdle();
"""


def batch_of(*rows):
    """Deliveries of so many rows each, all different."""
    batch = Batch(max_rows=10**6, max_deliveries=10**6, max_age_s=1, clock=lambda: 0)
    first = 0
    for place, number in enumerate(rows):
        sent = [raw(second=first + n, soc=n % 90) for n in range(number)]
        delivery = Delivery(b"t", payload(*sent), 1, place.to_bytes(2, "big"), False, False, 1, START)
        readings = [row(second=first + n, soc=n % 90) for n in range(number)]
        batch.append(delivery, Decoded(readings, [], range(number)))
        first += number
    return batch.take()


def count(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one()


def is_known(engine, delivery):
    with engine.connect() as connection:
        return bool(find_stored(connection, "worker", [delivery]))


class GaveUpError(Exception):
    """The committer would wait now."""


class Trial:
    """A committer with the errors that it has counted and its number of waits."""

    def __init__(self, url, *, statement_timeout_s=0.5, deadline_s=5.0, max_rows=64, waits=0):
        self.engine = writer_engine(url, name="slow", statement_timeout_ms=int(statement_timeout_s * 1000))
        self.faults, self.waited, self._waits = [], 0, waits
        self.committer = Committer(
            self.engine,
            StatementDeadline(self.engine, deadline_s),
            max_rows=max_rows,
            count_error=self._count_error,
            back_off=self._back_off,
            statement_timeout_s=statement_timeout_s,
        )

    def _count_error(self, error):
        self.faults.append(classify(error))
        return self.faults[-1]

    def _back_off(self, error, _fault, _backoff):
        self.waited += 1
        if self.waited > self._waits:
            raise GaveUpError from error

    def commit(self, contents):
        return list(self.committer.commit(contents))


@pytest.fixture
def trial(database_url):
    made = []

    def make(**options):
        made.append(Trial(options.pop("url", database_url), **options))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


@contextmanager
def slow(engine):
    with engine.begin() as connection:
        connection.execute(text(SLOW_ROWS))
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER dawdle ON telemetry"))


def test_a_batch_that_takes_too_long_is_halved(trial, engine):
    """256 rows at 10 ms are more than half a second: halved until a part fits, without a wait between."""
    tried = trial(max_rows=256)
    contents = batch_of(*[8] * 32)
    with slow(engine):
        parts = tried.commit(contents)
    assert count(engine) == 256
    assert tried.waited == 0
    assert set(tried.faults) == {Fault.TRANSIENT}
    # Each of the halves, to single rows, would be 255; a busy machine needs smaller ones than an idle one.
    assert len(tried.faults) < 16
    assert max(part.readings for part, _ in parts) <= 64
    assert [one for part, _ in parts for one in part.deliveries] == contents.deliveries
    assert sum(written.stored for _, written in parts) == 256


def test_one_message_is_halved_too(trial, engine):
    """An array that is too large is stored in parts, and finished by the last one only."""
    tried = trial(max_rows=128)
    with slow(engine):
        parts = tried.commit(batch_of(128))
    assert count(engine) == 128
    assert [part.is_partial for part, _ in parts] == [True] * (len(parts) - 1) + [False]
    assert len(parts) >= 4


def test_it_grows_back(trial, engine):
    """Small while it is slow, whole batches once it is quick."""
    tried = trial(max_rows=64)
    with slow(engine):
        tried.commit(batch_of(*[1] * 128))
    assert tried.committer.limit < 64
    while tried.committer.limit is not None:
        limit = tried.committer.limit
        tried.commit(batch_of(*[1] * 10))
        assert tried.committer.limit is None or tried.committer.limit > limit


def test_committed_parts_are_not_done_again(trial, engine):
    """An earlier part was yielded and can be acknowledged, even where a later one fails."""
    tried = trial(max_rows=16)
    tried.committer.limit = 16
    seen = []

    def commit():
        for part, written in tried.committer.commit(batch_of(*[4] * 16)):
            seen.append((part.readings, written.stored, count(engine)))
            if len(seen) == 2:
                with engine.begin() as connection:
                    connection.execute(text("ALTER TABLE telemetry RENAME TO telemetry_away"))

    with pytest.raises(GaveUpError):
        commit()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry_away RENAME TO telemetry"))
    assert seen == [(16, 16, 16), (16, 16, 32)]
    assert count(engine) == 32


def test_refused_rows_are_found_in_parts(trial, engine):
    """Ten in 600: each becomes a rejection, and the rows around them are committed during the search."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_soc_check"))
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soc_check CHECK (soc <> 13)"))
    tried = trial(max_rows=600, statement_timeout_s=30)
    contents = batch_of(*[60] * 10)
    parts = tried.commit(contents)
    assert count(engine) == 590
    assert sum(written.rejected.total() for _, written in parts) == 10
    assert len(parts) > 5
    assert [one for part, _ in parts if not part.is_partial for one in part.deliveries] == contents.deliveries
    assert tried.waited == 0


def test_the_search_survives_a_loss(trial, engine, postgres):
    """The connection dies in the middle of the search: the parts committed by then stay."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_soc_check"))
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soc_check CHECK (soc <> 13)"))
    tried = trial(max_rows=600, statement_timeout_s=30, waits=5)
    stored = []
    for part, _ in tried.committer.commit(batch_of(*[60] * 10)):
        if stored:
            assert count(engine) == stored[-1] + sum(row.soc != 13 for row in part.rows)
        stored.append(count(engine))
        if len(stored) == 3:
            with engine.begin() as killer:
                killer.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'slow' AND datname = current_database()"
                    )
                )
    assert stored[-1] == 590


def test_every_answer_may_be_slow(trial, postgres, database_url, engine):
    """Answers that each take two thirds of the deadline: slow, but without an error, a cut or a wait."""
    link = Proxy(postgres.host, postgres.port)
    tried = trial(
        url=database_url.replace(f":{postgres.port}/", f":{link.port}/"),
        statement_timeout_s=1.2,
        deadline_s=1.2,
    )
    tried.commit(batch_of(1))
    link.answer_delay = 0.8
    began = time.monotonic()
    tried.commit(batch_of(*[0, 100]))
    assert time.monotonic() - began > 3 * 1.2
    assert (tried.faults, tried.waited, tried.committer.limit) == ([], 0, None)
    link.answer_delay = 0
    assert count(engine) == 100
    link.close()


def test_a_link_that_swallows_ends_in_a_wait(trial, postgres, database_url, engine):
    """The connection is cut, the batch halved, and the next connect fails: then the committer waits."""
    link = Proxy(postgres.host, postgres.port)
    tried = trial(url=database_url.replace(f":{postgres.port}/", f":{link.port}/"), deadline_s=0.5)
    tried.commit(batch_of(1))
    link.mode = Mode.SWALLOW
    with pytest.raises(GaveUpError):
        tried.commit(batch_of(*[2] * 32))
    assert tried.waited == 1
    link.mode = Mode.FORWARD
    link.cut()
    tried.commit(batch_of(*[2] * 32))
    assert count(engine) == 64
    link.close()


def test_a_message_without_a_time_is_stored_with_its_last_part(trial):
    """Until then a copy of it, after a crash, is no message that was stored before."""
    tried = trial()
    fleet = Delivery(b"fleet", b"[]", 1, b"\x00\x07", False, False, 1, START)
    batch = Batch(max_rows=10, max_deliveries=10, max_age_s=1, clock=lambda: 0)
    readings = [row(second=second) for second in range(4)]
    batch.append_entry(Entry((fleet,), Decoded(readings, []), Arrivals("worker", (fleet,))))
    tried.committer.limit = 2
    found = [
        (part.is_partial, count(tried.engine), is_known(tried.engine, fleet))
        for part, _ in tried.committer.commit(batch.take())
    ]
    assert found == [(True, 2, False), (False, 4, True)]
