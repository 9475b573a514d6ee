"""The command `python -m ingest_worker.retire SLOT...`: empty the queues of slots that no worker takes again.

The broker goes on queueing messages for a group's member that is away. This command unsubscribes the slot's
session, so that the broker queues no further message for it, stores the queued messages, and leaves an empty
session behind. No message is deleted; a worker that takes the slot later subscribes again.
"""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Iterable
from functools import partial

from ingest_worker.broker_session import BrokerSession
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.fatal_errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.slot import MAX_SLOTS, SlotLock, client_id
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker import Worker
from ingest_worker.worker_health import WorkerHealth
from shared.command import run_command
from shared.command_arguments import command_parser, complain
from shared.settings import WorkerSettings
from shared.sources.mapping_file import sources_of
from shared.sources.sources import Sources
from shared.storage.engine import writer_engine

log = logging.getLogger("ingest_worker.retire")

_QUIET_S = 5.0


class _Emptier(Worker):
    """A worker that stops once its session has brought no message for 5 s."""

    def __init__(
        self,
        settings: WorkerSettings,
        broker: BrokerSession,
        health: WorkerHealth,
        slot: SlotLock,
        sources: Sources | None,
    ) -> None:
        self.counts = WorkerMetrics(broker, health)
        new_engine = partial(writer_engine, settings.database_url, name=broker.client_id)
        super().__init__(settings, broker, new_engine, health, self.counts, sources=sources)
        self._lock = slot
        self._messages_before = 0
        self._quiet_since = time.monotonic()
        self.is_empty = False

    def _check_connections(self) -> None:
        super()._check_connections()
        if self._lock.number is None:
            # Another worker may hold the slot by now, and its session would be taken over.
            log.error("The lock of the slot was lost with its database session; stopping.")
            self.stop()
            return
        messages = sum(self.counts.messages.values())
        is_idle = (
            self._broker.connection.is_listening
            and not len(self._broker.inbox)
            and not len(self._batch)
            # A batch has left `_batch` before it is committed, which may take as long as an outage.
            and not len(self._threads)
            and self.counts.tally.snapshot().in_flight == 0
        )
        if messages != self._messages_before or not is_idle:
            self._messages_before, self._quiet_since = messages, time.monotonic()
        elif time.monotonic() - self._quiet_since > _QUIET_S:
            self.is_empty = True
            self.stop()


def main(arguments: list[str] | None = None) -> int:
    """Retire the slots that the arguments name; return the exit code."""
    slots = sorted(set(_parser().parse_args(arguments).slots))
    # OSError: of the certificate in MQTT_TLS_CA_FILE.
    return run_command(
        WorkerSettings, lambda settings: _retire_all(settings, slots), expected=(FatalError, OSError)
    )


def _retire_all(settings: WorkerSettings, slots: Iterable[int]) -> int:
    if settings.mqtt_shared_group is None:
        return complain(
            "MQTT_SHARED_GROUP is not set: without a group there is one slot, and it stays.", code=2
        )
    return 0 if all(_retire(settings, number) for number in slots) else 1


def _retire(settings: WorkerSettings, number: int) -> bool:
    slot = SlotLock(settings, StatementDeadline())
    name = client_id(settings, number)
    try:
        if slot.take([number]) is None:
            complain(f"Slot {number} is held by a worker that runs: stop that one first.")
            return False
        if not slot.held_by_others():
            complain(
                f"No worker of the group {settings.mqtt_shared_group} runs: without a subscription the broker"
                " would queue no messages. Start one, then retire the others."
            )
            return False
        # The client id of the slot; this worker itself takes no slot.
        with_id = settings.model_copy(update={"mqtt_client_id": name})
        health = WorkerHealth()
        sources = sources_of(settings.mqtt_sources)
        subscriber = Subscriber(with_id, retires=True, sources=sources)
        emptier = _Emptier(with_id, subscriber, health, slot, sources)
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop_signal, lambda *_: emptier.stop())
        emptier.run()
        stored = emptier.counts.tally.snapshot()
    finally:
        slot.close()
    if emptier.is_empty:
        print(f"Slot {number} ({name}) is empty: {stored}.")
    else:
        complain(f"Stopped before slot {number} ({name}) was empty: {stored}.")
    return emptier.is_empty


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "python -m ingest_worker.retire",
        "Store the messages that the broker has queued for slots that no worker takes any more,\n"
        "for instance slots 2 and 3 after a scale-down from three workers to one.",
        examples=["2 3"],
    )
    parser.add_argument(
        "slots", metavar="SLOT", nargs="+", type=_slot, help=f"number of a slot, 1 to {MAX_SLOTS}"
    )
    return parser


def _slot(word: str) -> int:
    if not word.isascii() or not word.isdigit() or not 1 <= int(word) <= MAX_SLOTS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a slot: a number from 1 to {MAX_SLOTS}")
    return int(word)


if __name__ == "__main__":
    sys.exit(main())
