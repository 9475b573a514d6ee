"""Threads that commit batches at the same time, each on a connection of its own.

While the database works on one batch another one is packed for it. Outcomes are returned in the order of
receipt, in which MQTT wants messages to be acknowledged, also where a later batch has committed first.
Statuses of a vehicle, and births of a Sparkplug device, are committed in that order, too: the last one stays.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import NamedTuple

from ingest_worker.batch import BatchContents
from ingest_worker.broker_session import BrokerSession
from ingest_worker.committer import Committer
from ingest_worker.delivery import Delivery
from ingest_worker.worker_health import WorkerHealth
from ingest_worker.write_batch import BatchOutcome

_JOIN_S = 5.0


class CommittedPart(NamedTuple):
    """A part of a batch that has committed."""

    contents: BatchContents
    outcome: BatchOutcome
    seconds: float
    """Time that the commit took."""
    committed_at: float
    """By `time.monotonic`."""


class _PendingBatch:
    """A batch of which not each part was returned yet; its thread writes, the worker's thread reads."""

    __slots__ = ("acknowledgeable", "contents", "error", "is_done", "parts")

    def __init__(self, contents: BatchContents) -> None:
        self.contents = contents
        self.parts: deque[CommittedPart] = deque()
        self.acknowledgeable = 0
        """Number of deliveries whose parts were returned."""
        self.error: BaseException | None = None
        self.is_done = False


class CommitThreads:
    """A thread for each of the committers, which are given by the names of their threads.

    All methods are called by the worker's thread. A commit wakes that thread where it waits for messages.
    """

    def __init__(
        self, committers: Mapping[str, Committer], broker: BrokerSession, health: WorkerHealth
    ) -> None:
        self._committers = committers
        self._broker = broker
        self._health = health
        self._queue: SimpleQueue[_PendingBatch | None] = SimpleQueue()
        self._pending: deque[_PendingBatch] = deque()
        self._has_news = threading.Event()
        self._threads: list[threading.Thread] = []

    def __len__(self) -> int:
        """Return the number of batches of which not each part was returned yet."""
        return len(self._pending)

    def has_room_for(self, contents: BatchContents) -> bool:
        """Return whether a thread may begin with this batch at once."""
        if len(self._pending) >= len(self._committers):
            return False
        return not any(_has_to_follow(contents, batch.contents) for batch in self._pending)

    @property
    def limit(self) -> int | None:
        """Number of readings that a transaction may hold now, None for any number."""
        # Each limit is read once: meanwhile the committer's thread may set it to None.
        limits = [one.limit for one in self._committers.values()]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def oldest(self) -> Delivery | None:
        """First delivery that `committed` has not returned yet; None without one."""
        for batch in self._pending:
            if batch.acknowledgeable < len(batch.contents.deliveries):
                return batch.contents.deliveries[batch.acknowledgeable]
        return None

    def submit(self, contents: BatchContents) -> None:
        """Have a batch committed. The caller waits until there is room for it."""
        if not self._threads:
            self._start()
        batch = _PendingBatch(contents)
        self._pending.append(batch)
        self._queue.put(batch)

    def committed(self) -> Iterator[CommittedPart]:
        """Yield the parts that have committed by now, in the order of receipt. Raises a committer's error."""
        while self._pending:
            batch = self._pending[0]
            # Read ahead of the parts: a batch that is done by now has all its parts.
            is_done = batch.is_done
            while batch.parts:
                part = batch.parts.popleft()
                batch.acknowledgeable += 0 if part.contents.is_partial else len(part.contents.deliveries)
                yield part
            if not is_done:
                return
            self._pending.popleft()
            if batch.error is not None:
                raise batch.error

    def wait(self, timeout: float) -> None:
        """Wait up to `timeout` seconds until a part has committed or a batch has failed."""
        self._has_news.wait(timeout)
        self._has_news.clear()

    def close(self) -> None:
        """End the threads, each after its batch, and wait for that for at most 5 s."""
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._run, args=(name, committer), name=name, daemon=True)
            for name, committer in self._committers.items()
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, name: str, committer: Committer) -> None:
        while (batch := self._queue.get()) is not None:
            self._health.beat(name)
            began = time.monotonic()
            try:
                for contents, outcome in committer.commit(batch.contents):
                    committed_at = time.monotonic()
                    batch.parts.append(CommittedPart(contents, outcome, committed_at - began, committed_at))
                    self._wake_worker()
                    self._health.beat(name)
                    began = time.monotonic()
            except BaseException as error:  # noqa: BLE001 - raised again in the worker's thread
                batch.error = error
            batch.is_done = True
            self._health.rest(name)
            self._wake_worker()

    def _wake_worker(self) -> None:
        self._has_news.set()
        self._broker.wake()


def _has_to_follow(later: BatchContents, earlier: BatchContents) -> bool:
    """Return whether both batches have a status of one vehicle, or a birth of one Sparkplug device."""
    if later.statuses and earlier.statuses:
        vins = {status.vin for status in earlier.statuses}
        if any(status.vin in vins for status in later.statuses):
            return True
    if later.births and earlier.births:
        nodes = {birth.node for birth in earlier.births.values()}
        return any(birth.node in nodes for birth in later.births.values())
    return False
