"""The worker's loop: take deliveries, decode them, have batches stored, send receipts and acknowledge."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine

from ingest_worker.batch import Batch, BatchContents
from ingest_worker.broker_session import BrokerSession
from ingest_worker.broker_window import BrokerWindow
from ingest_worker.commit_threads import CommittedPart, CommitThreads
from ingest_worker.committer import Committer
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.database_questions import DatabaseQuestions
from ingest_worker.database_state import DatabaseState, StoppedError
from ingest_worker.delivery import Delivery
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
from shared.storage.sparkplug_births import load_birth, nodes_of_edge

log = logging.getLogger("ingest_worker")

STORING = ("the first storing thread", "the second storing thread")
"""Threads that commit batches at the same time. More than two were not tried."""

_LONGEST_WAIT_S = 0.5
_STANDBY_POLL_S = 0.2


def _share(window: int) -> int:
    """Return the number of messages of a batch: while two batches are committed, two others arrive."""
    return max(1, window // (len(STORING) + 2))


class Worker:
    """Moves readings from a broker into a database; a signal handler may call `stop`.

    One thread decodes and acknowledges, two others commit. `new_engine` returns an engine with one
    connection, for each of them.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        broker: BrokerSession,
        new_engine: Callable[[], Engine],
        health: WorkerHealth,
        metrics: WorkerMetrics,
        *,
        slot: SlotLock | None = None,
        window: BrokerWindow | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._broker = broker
        self._health = health
        self._metrics = metrics
        self._report = OutcomeReport(metrics)
        self._window = window
        most_in_flight = settings.mqtt_max_inflight
        self._batch = Batch(
            max_rows=settings.ingest_batch_rows,
            max_deliveries=_share(most_in_flight),
            max_age_s=settings.ingest_batch_ms / 1000,
            clock=time.monotonic,
        )
        self._max_rows = settings.ingest_batch_rows
        self._database = DatabaseState(health, metrics)
        self._engine = new_engine()
        self._engines = [self._engine]
        StatementDeadline(self._engine, on_wait=health.beat)
        self._threads = CommitThreads(
            {name: self._committer(name, new_engine()) for name in STORING}, broker, health
        )
        self._questions = DatabaseQuestions(
            self._engine,
            store=self._store_all,
            count_error=self._database.count_error,
            back_off=partial(self._database.back_off, report=self._check_connections),
        )
        reader = None
        if sources is not None:
            sparkplug = SparkplugDecoder(
                lambda node: self._questions.ask(load_birth, node),
                lambda edge: self._questions.ask(nodes_of_edge, edge),
                time.monotonic,
            )
            reader = SourceReader(
                sources, max_held=max(1, most_in_flight // 2), sparkplug=sparkplug, command=broker.command
            )
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
        self._retention = Retention(settings, self._engine)
        self._filters = FilterKeeper(self._engine, broker, health)

    def _committer(self, thread: str, engine: Engine) -> Committer:
        self._engines.append(engine)
        beat = partial(self._health.beat, thread)
        return Committer(
            engine,
            StatementDeadline(engine, on_wait=beat),
            max_rows=self._max_rows,
            count_error=self._database.count_error,
            back_off=partial(self._database.back_off, report=beat),
            after_timeout=self._database.after_timeout,
        )

    def run(self) -> None:
        """Run until `stop` is called. Raises FatalError where the worker can't go on."""
        try:
            self._connect()
            if not self._database.is_stopping:
                self._database.await_schema(self._engine, report=self._check_connections)
            while not self._database.is_stopping:
                if self._keeper is not None and self._keeper.needs_slot:
                    # The packet ids of what is at hand are those of the session that is left now.
                    self._drain()
                    self._connect()
                self._filters.update()
                self._fit_window()
                self._take_next()
                if self._batch.is_ready:
                    self._store_batch()
                self._settle()
                self._check_connections()
                if not self._threads:
                    self._database.check_when_idle(self._engine)
                self._retention.apply_when_due()
            self._drain()
        except StoppedError:
            log.warning("Stopped while the database is away; the broker keeps messages that were not stored.")
        finally:
            # After the final batch, whose acknowledgements go out ahead of the DISCONNECT.
            self._broker.stop()
            # After an error, too, no thread waits for its next attempt.
            self._database.is_stopping = True
            self._threads.close()
            # After the DISCONNECT and the commits: the next holder of the slot connects with the same client
            # id, and looks up which messages without a time are stored.
            if self._slot is not None:
                self._slot.close()
            for engine in self._engines:
                engine.dispose()
            log.info("Stopped: %s.", self._metrics.tally.snapshot())

    def _fit_window(self) -> None:
        """Once the broker's in-flight window is known, keep batches so small that it holds several."""
        if self._window is None or not self._broker.connection.is_listening:
            return
        self._window.read()
        if (size := self._window.size) is not None:
            self._batch.max_deliveries = min(self._batch.max_deliveries, _share(size))

    def _connect(self) -> None:
        """Connect to the broker, at once or as soon as a slot is free.

        Meanwhile the broker queues messages for the slot's session, if that has subscribed before. Without a
        slot another worker may have this client id, and the broker would close that worker's connection.
        """
        if self._keeper is None:
            self._broker.start()
            return
        while not self._database.is_stopping and not self._keeper.try_to_take():
            self._beat()
            time.sleep(_STANDBY_POLL_S)

    def stop(self) -> None:
        """Make `run` store its batch and return. Safe in a signal handler."""
        self._database.is_stopping = True
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
            self._store_batch()
            self._check_connections()
            if self._database.is_stopping:
                return

    def _store_batch(self) -> None:
        """Have the batch committed as soon as a thread is free for it."""
        if not len(self._batch):
            return
        while not self._threads.has_room_for(self._batch.contents):
            self._await_commit()
        self._threads.submit(self._batch.take())
        self._settle()

    def _store_all(self) -> None:
        """Return once all that is at hand has committed. Raises StoppedError."""
        self._store_batch()
        while self._threads:
            self._await_commit()

    def _await_commit(self) -> None:
        self._threads.wait(_LONGEST_WAIT_S)
        self._settle()
        self._check_connections()

    def _settle(self) -> None:
        """Send receipts, then acknowledgements, for what has committed, in the order of receipt."""
        for part in self._threads.committed():
            self._settle_part(part)
            self._metrics.oldest = self._threads.oldest or self._batch.oldest

    def _settle_part(self, part: CommittedPart) -> None:
        contents, outcome, seconds, committed_at = part
        self._database.note_up()
        self._metrics.batch_limit = self._threads.limit or self._max_rows
        self._report.add(contents, outcome, seconds)
        fill_receipts(contents, outcome)
        if not contents.is_partial:
            self._send_receipts(contents)
            self._broker.acknowledge(contents.deliveries)
        self._metrics.acknowledge_seconds.observe(time.monotonic() - committed_at)

    def _send_receipts(self, contents: BatchContents) -> None:
        if not (receipts := contents.receipts.values()):
            return
        if self._broker.publish((receipt.topic, receipt.payload()) for receipt in receipts):
            self._metrics.receipts_sent += len(receipts)
        else:
            self._metrics.receipts_unsent += len(receipts)

    def _check_connections(self) -> None:
        """Check the network thread, retake a lost slot and report to the health. Raises FatalError."""
        self._broker.require_alive()
        if self._keeper is not None:
            self._keeper.retake_if_lost()
        self._beat()

    def _beat(self) -> None:
        self._health.note_broker(self._broker.problem)
        self._health.beat()

    def _drain(self) -> None:
        self._intake.add_held()
        log.info("Storing the %d messages at hand.", len(self._batch))
        self._store_all()
