"""The story of the worker: take deliveries, sort them, store a batch, acknowledge."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ingest_worker.backoff import Backoff
from ingest_worker.batch import Batch, Contents
from ingest_worker.delivery import Delivery
from ingest_worker.errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.patience import Patience
from ingest_worker.poison_watch import PoisonWatch
from ingest_worker.pulse import Pulse
from ingest_worker.subscriber import Subscriber
from ingest_worker.transaction import Writer, Written, fill_receipts
from shared.database_errors import Fault, classify, summarise
from shared.decoder import decode
from shared.retention import Retention
from shared.schema import OutdatedSchemaError, require_current_schema
from shared.settings import WorkerSettings

log = logging.getLogger("ingest_worker")

_LONGEST_WAIT_S = 0.5
_ASK_DATABASE_EVERY_S = 5.0
_DATABASE_ERRORS = (SQLAlchemyError, psycopg.Error, OSError, UnicodeEncodeError)


class StoppedError(Exception):
    """The worker was asked to stop while it waited for the database."""


class Worker:
    """Moves readings from a subscriber into a database. Runs in one thread; `stop` may come from a signal."""

    def __init__(
        self,
        settings: WorkerSettings,
        subscriber: Subscriber,
        engine: Engine,
        pulse: Pulse,
        metrics: WorkerMetrics,
    ) -> None:
        self._subscriber = subscriber
        self._engine = engine
        self._pulse = pulse
        self._metrics = metrics
        self._poison_watch = PoisonWatch(time.monotonic)
        self._max_future_skew = timedelta(seconds=settings.max_future_skew_s)
        self._batch = Batch(
            max_rows=settings.ingest_batch_rows,
            # Half of what the broker hands over at once: while it is committed the other half arrives.
            max_deliveries=max(1, settings.mqtt_max_inflight // 2),
            max_age_s=settings.ingest_batch_ms / 1000,
            clock=time.monotonic,
        )
        self._writer = Writer()
        self._patience = Patience(engine)
        self._retention = Retention(settings, engine)
        self._stopping = False
        self._asked_database_at = time.monotonic()

    def run(self) -> None:
        """Work until `stop` is called. Raises FatalError when it can't go on."""
        # Before the database is asked: from the first subscription on, the broker keeps what comes.
        self._subscriber.start()
        try:
            self._await_schema()
            while not self._stopping:
                self._take_next()
                if self._batch.is_ready:
                    self._flush()
                self._look_around()
                self._ask_idle_database()
                with self._patience:
                    self._retention.apply_when_due()
            self._drain()
        except StoppedError:
            log.warning("Stopped while the database is away; the broker keeps what was not stored.")
        finally:
            # Last: acknowledgements of the final batch go out ahead of the DISCONNECT.
            self._subscriber.stop()
            log.info("Stopped: %s.", self._metrics.tally.look())

    def stop(self) -> None:
        """Ask `run` to store what it holds and return. Safe in a signal handler."""
        self._stopping = True
        self._subscriber.wake()

    def _take_next(self) -> None:
        due_in = self._batch.due_in()
        deliveries = self._subscriber.take(
            _LONGEST_WAIT_S if due_in is None else min(due_in, _LONGEST_WAIT_S)
        )
        if deliveries:
            self._sort(deliveries)

    def _sort(self, deliveries: Sequence[Delivery]) -> None:
        latest = datetime.now(UTC) + self._max_future_skew
        metrics, received = self._metrics, 0
        metrics.count_messages(deliveries)
        for delivery in deliveries:
            if not len(self._batch):
                metrics.oldest = delivery
            decoded = decode(
                delivery.topic, delivery.payload, received_at=delivery.received_at, latest=latest
            )
            received += len(decoded.rows) + len(decoded.rejections)
            self._batch.append(delivery, decoded)
            if self._batch.is_full:
                metrics.tally.receive(received)
                received = 0
                self._flush()
                # What was read at once may make many batches.
                self._look_around()
                if self._stopping:
                    return
        metrics.tally.receive(received)

    def _flush(self) -> None:
        """Store the batch in one transaction, then answer and acknowledge its deliveries as they came."""
        contents = self._batch.take()
        began = time.monotonic()
        written = self._commit(contents)
        committed = time.monotonic()
        self._account(contents, written, committed - began)
        self._answer(contents, written)
        self._subscriber.acknowledge(contents.deliveries)
        self._metrics.oldest = None
        self._metrics.acknowledge_seconds.observe(time.monotonic() - committed)

    def _answer(self, contents: Contents, written: Written) -> None:
        if not contents.receipts:
            return
        fill_receipts(contents, written)
        receipts = contents.receipts.values()
        if self._subscriber.publish((receipt.topic, receipt.payload()) for receipt in receipts):
            self._metrics.receipts_sent += len(receipts)
        else:
            self._metrics.receipts_unsent += len(receipts)

    def _commit(self, contents: Contents) -> Written:
        """Try until the batch has been committed, for ever if need be.

        A commit whose answer was lost is tried again like any other: the key (vin, ts) makes it safe.
        """
        attempt = self._writer.write
        waits: dict[Fault, Backoff] = {
            Fault.TRANSIENT: Backoff(first=0.1, longest=5),
            Fault.DEPLOYMENT: Backoff(first=2, longest=30),
        }
        while True:
            try:
                with self._patience, self._engine.begin() as connection:
                    written = attempt(connection, contents)
                break
            except _DATABASE_ERRORS as error:
                fault = self._note(error)
                if fault is Fault.POISON and attempt == self._writer.write:
                    log.warning("The database refuses a reading of this batch: looking for it.")
                    attempt = self._writer.write_around_poison
                    continue
                oldest = datetime.now(UTC) - contents.deliveries[0].received_at
                log.warning("The oldest message has waited %.0f s.", oldest.total_seconds())
                # A refusal although every refused row was set aside is no row's fault.
                self._wait_out(error, fault, waits.get(fault, waits[Fault.DEPLOYMENT]))
        self._database_answered()
        return written

    def _account(self, contents: Contents, written: Written, seconds: float) -> None:
        metrics, readings = self._metrics, contents.readings
        metrics.tally.settle(
            readings,
            stored=written.stored,
            duplicate=len(written.duplicates),
            rejected=written.rejected,
        )
        metrics.batch_readings.observe(readings)
        metrics.commit_seconds.observe(seconds)
        metrics.lag.add(contents.rows)
        metrics.count_statuses(contents.statuses)
        if written.rejected:
            log.warning(
                "Readings that could not be stored: %d. `python -m ingest_worker.rejections list` says why.",
                written.rejected.total(),
            )
        if alarm := self._poison_watch.add(readings, written.rejected):
            log.error(
                "MOST READINGS ARE REJECTED: %s. After a change of this service or of the vehicles' software:"
                " undo it, or mend it and `python -m ingest_worker.rejections replay --all`.",
                alarm,
            )

    def _note(self, error: BaseException) -> Fault:
        """Count an error of the database; returns whose fault it is."""
        fault = classify(error)
        self._metrics.database_errors[fault.name.lower()] += 1
        return fault

    def _wait_out(self, error: BaseException, fault: Fault, backoff: Backoff) -> None:
        self._pulse.database_answers = False
        delay = backoff.delay()
        if fault is Fault.TRANSIENT:
            log.warning(
                "The database is away (%s); the broker keeps what comes. Next try in %.1f s.",
                summarise(error),
                delay,
            )
        else:
            log.error(
                "The database can't take readings, and no reading is at fault: %s. Mend the schema, the login"
                " or the server; the broker keeps what comes. Next try in %.0f s.",
                summarise(error),
                delay,
            )
        until = time.monotonic() + delay
        while (left := until - time.monotonic()) > 0:
            if self._stopping:
                raise StoppedError
            self._look_around()
            time.sleep(min(left, _LONGEST_WAIT_S))

    def _await_schema(self) -> None:
        backoff = Backoff(first=0.2, longest=5)
        while True:
            try:
                with self._patience, self._engine.connect() as connection:
                    require_current_schema(connection)
            except OutdatedSchemaError as error:
                raise FatalError(str(error)) from None
            except _DATABASE_ERRORS as error:
                self._wait_out(error, self._note(error), backoff)
            else:
                self._database_answered()
                return

    def _look_around(self) -> None:
        self._subscriber.require_alive()
        self._pulse.beat(is_listening=self._subscriber.link.is_listening)

    def _ask_idle_database(self) -> None:
        """Without readings to store nothing else would notice that the database is away, or back."""
        if time.monotonic() - self._asked_database_at < _ASK_DATABASE_EVERY_S:
            return
        self._asked_database_at = time.monotonic()
        try:
            with self._patience, self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except _DATABASE_ERRORS as error:
            self._note(error)
            if self._pulse.database_answers:
                log.warning("The database does not answer: %s.", summarise(error))
            self._pulse.database_answers = False
        else:
            self._database_answered()

    def _database_answered(self) -> None:
        self._asked_database_at = time.monotonic()
        self._pulse.database_answers = True

    def _drain(self) -> None:
        log.info("Stopping: storing the %d messages at hand.", len(self._batch))
        if len(self._batch):
            self._flush()
