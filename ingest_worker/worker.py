"""The story of the worker: take deliveries, sort them, store a batch, acknowledge."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from ingest_worker.backoff import Backoff
from ingest_worker.batch import Batch, BatchContents
from ingest_worker.committer import DATABASE_ERRORS, Committer
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.delivery import Delivery
from ingest_worker.fatal_errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.rejection_alarm import PoisonWatch
from ingest_worker.slot import SlotLock
from ingest_worker.slot_keeper import SlotKeeper
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker_health import WorkerHealth
from ingest_worker.write_batch import BatchOutcome, fill_receipts
from shared.rejections.retention import Retention
from shared.settings import WorkerSettings
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.schema_version import OutdatedSchemaError, require_current_schema
from shared.wire.decoder import decode

log = logging.getLogger("ingest_worker")

_LONGEST_WAIT_S = 0.5
_ASK_DATABASE_EVERY_S = 5.0
_STANDBY_LOOK_S = 0.2


class StoppedError(Exception):
    """The worker was asked to stop while it waited for the database."""


class Worker:
    """Moves readings from a subscriber into a database. Runs in one thread; `stop` may come from a signal."""

    def __init__(
        self,
        settings: WorkerSettings,
        subscriber: Subscriber,
        engine: Engine,
        pulse: WorkerHealth,
        metrics: WorkerMetrics,
        *,
        deadline: StatementDeadline | None = None,
        slot: SlotLock | None = None,
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
        self._max_rows = settings.ingest_batch_rows
        self._deadline = deadline or StatementDeadline(engine, on_wait=self._beat)
        self._committer = Committer(
            engine, self._deadline, max_rows=self._max_rows, note=self._note, wait_out=self._wait_out
        )
        self._slot = slot
        self._keeper = None if slot is None else SlotKeeper(slot, subscriber, pulse)
        metrics.batch_limit = self._max_rows
        self._retention = Retention(settings, engine)
        self._stopping = False
        self._asked_database_at = time.monotonic()

    def run(self) -> None:
        """Work until `stop` is called. Raises FatalError when it can't go on."""
        try:
            self._enter()
            if not self._stopping:
                self._await_schema()
            while not self._stopping:
                if self._keeper is not None and self._keeper.needs_slot:
                    self._enter()
                self._take_next()
                if self._batch.is_ready:
                    self._flush()
                self._look_around()
                self._ask_idle_database()
                self._retention.apply_when_due()
            self._drain()
        except StoppedError:
            log.warning("Stopped while the database is away; the broker keeps what was not stored.")
        finally:
            # Last: acknowledgements of the final batch go out ahead of the DISCONNECT.
            self._subscriber.stop()
            # Only now: whoever takes the slot next must not meet us at the broker.
            if self._slot is not None:
                self._slot.close()
            log.info("Stopped: %s.", self._metrics.tally.look())

    def _enter(self) -> None:
        """Connect to the broker: at once, or as soon as a slot is free.

        From the first subscription on, the broker keeps what comes; a session that it has from before keeps
        it while we wait here. Without a slot another worker may have our client id, and the broker would
        close its connection.
        """
        if self._keeper is None:
            self._subscriber.start()
            return
        while not self._stopping and not self._keeper.try_to_enter():
            self._beat()
            time.sleep(_STANDBY_LOOK_S)

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
        """Store the batch, then answer and acknowledge its deliveries as they came: part by part."""
        began = time.monotonic()
        contents = self._batch.take()
        left = len(contents.deliveries)
        for part, written in self._committer.commit(contents):
            committed = time.monotonic()
            self._database_answered()
            self._metrics.batch_limit = self._committer.limit or self._max_rows
            self._account(part, written, committed - began)
            fill_receipts(part, written)
            if not part.is_partial:
                self._answer(part)
                self._subscriber.acknowledge(part.deliveries)
                left -= len(part.deliveries)
            self._metrics.oldest = contents.deliveries[-left] if left else None
            self._metrics.acknowledge_seconds.observe(time.monotonic() - committed)
            began = time.monotonic()
            if left:
                self._look_around()

    def _answer(self, contents: BatchContents) -> None:
        if not contents.receipts:
            return
        receipts = contents.receipts.values()
        if self._subscriber.publish((receipt.topic, receipt.payload()) for receipt in receipts):
            self._metrics.receipts_sent += len(receipts)
        else:
            self._metrics.receipts_unsent += len(receipts)

    def _account(self, contents: BatchContents, written: BatchOutcome, seconds: float) -> None:
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
        self._metrics.batch_limit = self._committer.limit or self._max_rows
        self._metrics.database_errors[fault.name.lower()] += 1
        return fault

    def _wait_out(self, error: BaseException, fault: Fault, backoff: Backoff) -> None:
        self._database_fails(error)
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
                with self._engine.connect() as connection:
                    require_current_schema(connection)
            except OutdatedSchemaError as error:
                raise FatalError(str(error)) from None
            except DATABASE_ERRORS as error:
                self._wait_out(error, self._note(error), backoff)
            else:
                self._database_answered()
                return

    def _look_around(self) -> None:
        self._subscriber.require_alive()
        if self._keeper is not None:
            self._keeper.look()
        self._beat()

    def _beat(self) -> None:
        problem = self._subscriber.problem
        self._pulse.beat(is_listening=problem is None, broker_problem=problem)

    def _ask_idle_database(self) -> None:
        """Without readings to store nothing else would notice that the database is away, or back."""
        if time.monotonic() - self._asked_database_at < _ASK_DATABASE_EVERY_S:
            return
        self._asked_database_at = time.monotonic()
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DATABASE_ERRORS as error:
            self._note(error)
            if self._pulse.database_answers:
                log.warning("The database does not answer: %s.", summarise(error))
            self._database_fails(error)
        else:
            self._database_answered()

    def _database_answered(self) -> None:
        self._asked_database_at = time.monotonic()
        self._pulse.database_answers = True

    def _database_fails(self, error: BaseException) -> None:
        self._pulse.database_problem = f"the database does not take readings: {summarise(error)}"
        self._pulse.database_answers = False

    def _drain(self) -> None:
        log.info("Stopping: storing the %d messages at hand.", len(self._batch))
        if len(self._batch):
            self._flush()
