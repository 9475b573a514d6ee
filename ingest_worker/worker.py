"""The worker's loop: take deliveries, decode them, store a batch, send receipts and acknowledge."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine, text

from ingest_worker.backoff import Backoff
from ingest_worker.batch import Batch, BatchContents
from ingest_worker.broker_session import BrokerSession
from ingest_worker.committer import DATABASE_ERRORS, Committer
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.database_questions import DatabaseQuestions
from ingest_worker.delivery import Delivery
from ingest_worker.fatal_errors import FatalError
from ingest_worker.filter_keeper import FilterKeeper
from ingest_worker.intake import Intake
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.outcome_report import OutcomeReport
from ingest_worker.repeated_messages import RepeatedMessages
from ingest_worker.slot import SlotLock
from ingest_worker.slot_keeper import SlotKeeper
from ingest_worker.sources.source_reader import SourceReader
from ingest_worker.worker_health import WorkerHealth
from ingest_worker.write_batch import fill_receipts
from shared.rejections.retention import Retention
from shared.settings import WorkerSettings
from shared.sources.sources import Sources
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.schema_version import OutdatedSchemaError, require_current_schema
from shared.storage.sparkplug_births import load_birth, nodes_of_edge

log = logging.getLogger("ingest_worker")

_LONGEST_WAIT_S = 0.5
_CHECK_DATABASE_EVERY_S = 5.0
_STANDBY_POLL_S = 0.2


class StoppedError(Exception):
    """The worker was stopped while it waited for the database."""


class Worker:
    """Moves readings from a broker into a database, in one thread; a signal handler may call `stop`."""

    def __init__(
        self,
        settings: WorkerSettings,
        broker: BrokerSession,
        engine: Engine,
        health: WorkerHealth,
        metrics: WorkerMetrics,
        *,
        deadline: StatementDeadline | None = None,
        slot: SlotLock | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._broker = broker
        self._engine = engine
        self._health = health
        self._metrics = metrics
        self._report = OutcomeReport(metrics)
        # Half of the broker's in-flight window: while one half is committed the other half arrives.
        half = max(1, settings.mqtt_max_inflight // 2)
        self._batch = Batch(
            max_rows=settings.ingest_batch_rows,
            max_deliveries=half,
            max_age_s=settings.ingest_batch_ms / 1000,
            clock=time.monotonic,
        )
        self._max_rows = settings.ingest_batch_rows
        self._deadline = deadline or StatementDeadline(engine, on_wait=self._beat)
        self._committer = Committer(
            engine,
            self._deadline,
            max_rows=self._max_rows,
            count_error=self._count_error,
            back_off=self._back_off,
            after_timeout=self._after_timeout,
        )
        self._questions = DatabaseQuestions(
            engine, store=self._flush, count_error=self._count_error, back_off=self._back_off
        )
        reader = None
        if sources is not None:
            sparkplug = SparkplugDecoder(
                lambda node: self._questions.ask(load_birth, node),
                lambda edge: self._questions.ask(nodes_of_edge, edge),
                time.monotonic,
            )
            reader = SourceReader(sources, max_held=half, sparkplug=sparkplug, command=broker.command)
            metrics.source_messages = reader.counts
        self._intake = Intake(
            self._batch,
            metrics,
            max_future_skew=timedelta(seconds=settings.max_future_skew_s),
            client_id=lambda: broker.client_id,
            reader=reader,
        )
        self._repeated = RepeatedMessages(self._questions, broker, self._intake)
        self._slot = slot
        self._keeper = None if slot is None else SlotKeeper(slot, broker, health)
        metrics.batch_limit = self._max_rows
        self._retention = Retention(settings, engine)
        self._filters = FilterKeeper(engine, broker, health)
        self._stopping = False
        self._checked_database_at = time.monotonic()

    def run(self) -> None:
        """Run until `stop` is called. Raises FatalError where the worker can't go on."""
        try:
            self._connect()
            if not self._stopping:
                self._await_schema()
            while not self._stopping:
                if self._keeper is not None and self._keeper.needs_slot:
                    # The packet ids of what is at hand are those of the session that is left now.
                    self._drain()
                    self._connect()
                self._filters.update()
                self._take_next()
                if self._batch.is_ready:
                    self._flush()
                self._check_connections()
                self._check_idle_database()
                self._retention.apply_when_due()
            self._drain()
        except StoppedError:
            log.warning("Stopped while the database is away; the broker keeps messages that were not stored.")
        finally:
            # After the final batch, whose acknowledgements go out ahead of the DISCONNECT.
            self._broker.stop()
            # After the DISCONNECT: the next holder of the slot connects with the same client id.
            if self._slot is not None:
                self._slot.close()
            log.info("Stopped: %s.", self._metrics.tally.snapshot())

    def _connect(self) -> None:
        """Connect to the broker, at once or as soon as a slot is free.

        Meanwhile the broker queues messages for the slot's session, if that has subscribed before. Without a
        slot another worker may have this client id, and the broker would close that worker's connection.
        """
        if self._keeper is None:
            self._broker.start()
            return
        while not self._stopping and not self._keeper.try_to_take():
            self._beat()
            time.sleep(_STANDBY_POLL_S)

    def stop(self) -> None:
        """Make `run` store its batch and return. Safe in a signal handler."""
        self._stopping = True
        self._broker.wake()

    def _take_next(self) -> None:
        due_in = self._intake.due_in()
        wait_s = _LONGEST_WAIT_S if due_in is None else min(due_in, _LONGEST_WAIT_S)
        if deliveries := self._broker.take(max(wait_s, 0.0)):
            self._decode(deliveries)
        self._intake.add_due()

    def _decode(self, deliveries: Sequence[Delivery]) -> None:
        # One chunk may fill many batches.
        for _ in self._intake.add(deliveries, self._repeated.stored_among(deliveries)):
            self._flush()
            self._check_connections()
            if self._stopping:
                return

    def _flush(self) -> None:
        """Store the batch part by part; after each commit send receipts, then acknowledgements, in order."""
        contents = self._batch.take()
        if not (left := len(contents.deliveries)):
            return
        began = time.monotonic()
        for part, outcome in self._committer.commit(contents):
            committed = time.monotonic()
            self._note_database_up()
            self._metrics.batch_limit = self._committer.limit or self._max_rows
            self._report.add(part, outcome, committed - began)
            fill_receipts(part, outcome)
            if not part.is_partial:
                self._send_receipts(part)
                self._broker.acknowledge(part.deliveries)
                left -= len(part.deliveries)
            self._metrics.oldest = contents.deliveries[-left] if left else None
            self._metrics.acknowledge_seconds.observe(time.monotonic() - committed)
            began = time.monotonic()
            if left:
                self._check_connections()

    def _send_receipts(self, contents: BatchContents) -> None:
        if not (receipts := contents.receipts.values()):
            return
        if self._broker.publish((receipt.topic, receipt.payload()) for receipt in receipts):
            self._metrics.receipts_sent += len(receipts)
        else:
            self._metrics.receipts_unsent += len(receipts)

    def _count_error(self, error: BaseException) -> Fault:
        """Count an error of the database and return its class."""
        fault = classify(error)
        self._metrics.batch_limit = self._committer.limit or self._max_rows
        self._metrics.database_errors[fault.name.lower()] += 1
        return fault

    def _after_timeout(self, error: BaseException) -> None:
        # Until a smaller batch has committed no reading is stored: /ready says so, and a signal is obeyed.
        if self._stopping:
            raise StoppedError
        self._note_database_down(error)
        self._check_connections()

    def _back_off(self, error: BaseException, fault: Fault, backoff: Backoff) -> None:
        """Log the error and wait until the next attempt. Raises StoppedError where the worker is stopped."""
        self._note_database_down(error)
        delay = backoff.delay()
        if fault is Fault.TRANSIENT:
            text = "The database is away (%s); the broker queues messages. Next try in %.1f s."
            log.warning(text, summarise(error), delay)
        else:
            log.error(
                "The database can't take readings, and no reading is at fault: %s. Repair the schema, the"
                " login or the server; the broker queues messages. Next try in %.0f s.",
                summarise(error),
                delay,
            )
        until = time.monotonic() + delay
        while (left := until - time.monotonic()) > 0:
            if self._stopping:
                raise StoppedError
            self._check_connections()
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
                self._back_off(error, self._count_error(error), backoff)
            else:
                self._note_database_up()
                return

    def _check_connections(self) -> None:
        """Check the network thread, retake a lost slot and report to the health. Raises FatalError."""
        self._broker.require_alive()
        if self._keeper is not None:
            self._keeper.retake_if_lost()
        self._beat()

    def _beat(self) -> None:
        problem = self._broker.problem
        self._health.beat(is_listening=problem is None, broker_problem=problem)

    def _check_idle_database(self) -> None:
        """Query the database where no batch has used it for 5 s, so that an outage shows without readings."""
        if time.monotonic() - self._checked_database_at < _CHECK_DATABASE_EVERY_S:
            return
        self._checked_database_at = time.monotonic()
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DATABASE_ERRORS as error:
            self._count_error(error)
            if self._health.database_answers:
                log.warning("The database does not answer: %s.", summarise(error))
            self._note_database_down(error)
        else:
            self._note_database_up()

    def _note_database_up(self) -> None:
        self._checked_database_at = time.monotonic()
        self._health.database_answers = True

    def _note_database_down(self, error: BaseException) -> None:
        self._health.database_problem = f"the database does not take readings: {summarise(error)}"
        self._health.database_answers = False

    def _drain(self) -> None:
        self._intake.add_held()
        log.info("Storing the %d messages at hand.", len(self._batch))
        self._flush()
