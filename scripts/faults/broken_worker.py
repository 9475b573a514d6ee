"""Workers with one defect, which the harness must catch: `python -m scripts.faults.broken_worker NAME`.

Each is the real worker with one method or statement replaced; production code has no switch for this.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, cast
from unittest.mock import patch

from sqlalchemy import Connection, text

from ingest_worker import __main__ as process
from ingest_worker import write_batch
from ingest_worker.batch import BatchContents
from ingest_worker.delivery import Delivery
from ingest_worker.mqtt_packets import Message, pubacks
from ingest_worker.sources.source_reader import SourceReader
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker import Worker
from ingest_worker.write_batch import BatchOutcome, fill_receipts
from shared.command_arguments import command_parser
from shared.storage import store_readings
from shared.storage.keep_latest import Consequences
from shared.storage.reading_columns import ReadingColumns


class AutoAck(Subscriber):
    """A subscriber that acknowledges on receipt, as paho does by default."""

    def _on_messages(self, messages: list[Message]) -> None:
        super()._on_messages(messages)
        self._client.send_acknowledgements(pubacks([message.mid for message in messages if message.qos]))

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: the message was acknowledged on receipt."""


class _EarlyWorker(Worker):
    """A worker that does something with each batch ahead of its commit."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        submit = self._threads.submit

        def submit_late(contents: BatchContents) -> None:
            self._before_commit(contents)
            submit(contents)

        self._threads.submit = submit_late  # type: ignore[method-assign]

    def _before_commit(self, contents: BatchContents) -> None:
        raise NotImplementedError


class AckBeforeCommit(_EarlyWorker):
    """A worker that acknowledges a batch, then stores it."""

    def _before_commit(self, contents: BatchContents) -> None:
        self._broker.acknowledge(contents.deliveries)


class ReceiptBeforeCommit(_EarlyWorker):
    """A worker that sends receipts for a batch, then stores it."""

    def _before_commit(self, contents: BatchContents) -> None:
        fill_receipts(contents, BatchOutcome(stored=len(contents.rows)))
        self._send_receipts(contents)
        contents.receipts.clear()


class NoEpoch(Subscriber):
    """A subscriber that acknowledges on the present connection, whichever one the message came on."""

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self._client.send_acknowledgements(pubacks([delivery.mid for delivery in deliveries if delivery.qos]))


class NoResubscribe(Subscriber):
    """A subscriber that subscribes on its first connection only."""

    _connects = 0

    def _on_connect(self, client: Any, *rest: Any) -> None:
        self._connects += 1
        super()._on_connect(client if self._connects == 1 else cast(Any, _Mute()), *rest)


class _Mute:
    def subscribe(self, *_arguments: object, **_options: object) -> None:
        """Send nothing."""


Broken = AbstractContextManager[object]


_SORTED = 'ORDER BY vin COLLATE "C", ts'


def _without_order(replacement: str, *, turn: int) -> Broken:
    """Remove the order of rows from both ways into the table: the merging statement, and COPY."""
    statement, copy = str(store_readings._INSERT), store_readings._copy  # noqa: SLF001 - what is to be broken
    if _SORTED not in statement:
        raise LookupError(f"the statement that is to be broken has no {_SORTED}")

    def copy_turned(connection: Connection, ordered: ReadingColumns) -> Consequences | None:
        return copy(connection, ordered.take(slice(None, None, turn)))

    broken = ExitStack()
    broken.enter_context(
        patch.object(store_readings, "_INSERT", text(statement.replace(_SORTED, replacement)))
    )
    broken.enter_context(patch.object(store_readings, "_copy", copy_turned))
    return broken


VARIANTS: dict[str, Callable[[], Broken]] = {
    "auto-ack": lambda: patch.object(process, "Subscriber", AutoAck),
    "ack-before-commit": lambda: patch.object(process, "Worker", AckBeforeCommit),
    "receipt-before-commit": lambda: patch.object(process, "Worker", ReceiptBeforeCommit),
    "no-epoch": lambda: patch.object(process, "Subscriber", NoEpoch),
    "no-resubscribe": lambda: patch.object(process, "Subscriber", NoResubscribe),
    "ignores-dup": lambda: patch.object(SourceReader, "may_be_stored", lambda _self, _delivery: False),
    "forgets-arrivals": lambda: patch.object(write_batch, "keep_stored", lambda _connection, _arrivals: None),
    "unsorted": lambda: _without_order("", turn=1),
    # Stands for another order of arrival.
    "unsorted-reversed": lambda: _without_order('ORDER BY vin COLLATE "C" DESC, ts DESC', turn=-1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broken worker that the argument names; returns its exit code."""
    parser = command_parser(
        "python -m scripts.faults.broken_worker",
        "A worker with one thing broken, for `./scripts/faults.sh --controls`, which must catch it.",
        examples=["auto-ack"],
    )
    parser.add_argument("name", choices=sorted(VARIANTS), metavar="NAME", help=", ".join(sorted(VARIANTS)))
    with VARIANTS[parser.parse_args(arguments).name]():
        return process.main([])


if __name__ == "__main__":
    sys.exit(main())
