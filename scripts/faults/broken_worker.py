"""Workers with one thing broken, which the harness must catch: `python -m scripts.faults.broken_worker NAME`.

Each is the real worker with one method or one statement replaced; production code knows nothing of it.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast
from unittest.mock import patch

import paho.mqtt.client as paho
from sqlalchemy import text

from ingest_worker import __main__ as process
from ingest_worker.delivery import Delivery
from ingest_worker.subscriber import Subscriber
from ingest_worker.transaction import Written, fill_receipts
from ingest_worker.worker import Worker
from shared import store
from shared.settings import WorkerSettings


class AutoAck(Subscriber):
    """Acknowledges on receipt, as paho does by default."""

    def _make_client(self, settings: WorkerSettings) -> paho.Client:
        client = super()._make_client(settings)
        client.manual_ack_set(False)
        return client

    def _acknowledge(self, delivery: Delivery) -> None:
        """Done already."""


class AckBeforeCommit(Worker):
    """Acknowledges a batch, then stores it."""

    def _flush(self) -> None:
        contents = self._batch.take()
        for delivery in contents.deliveries:
            delivery.acknowledge()
        self._account(contents, self._commit(contents), 0)


class ReceiptBeforeCommit(Worker):
    """Tells vehicles that all is stored, then stores it."""

    def _flush(self) -> None:
        contents = self._batch.take()
        fill_receipts(contents, Written(stored=len(contents.entries)))
        for receipt in contents.receipts.values():
            self._send(receipt)
        self._account(contents, self._commit(contents), 0)
        for delivery in contents.deliveries:
            delivery.acknowledge()


class NoEpoch(Subscriber):
    """Acknowledges on whatever connection there is."""

    def _acknowledge(self, delivery: Delivery) -> None:
        self._client.ack(delivery.mid, delivery.qos)


class NoResubscribe(Subscriber):
    """Subscribes on its first connection only."""

    _connects = 0

    def _on_connect(self, client: Any, *rest: Any) -> None:
        self._connects += 1
        super()._on_connect(client if self._connects == 1 else cast(Any, _Mute()), *rest)


class _Mute:
    def subscribe(self, *_arguments: object, **_options: object) -> None:
        """Says nothing to the broker."""


Broken = AbstractContextManager[object]

_SORTED = "ORDER BY vin, ts, position"


def _without_order(replacement: str) -> Broken:
    real = str(store._INSERT)  # noqa: SLF001 - what is to be broken
    if _SORTED not in real:
        raise LookupError(f"the statement that is to be broken has no {_SORTED}")
    return patch.object(store, "_INSERT", text(real.replace(_SORTED, replacement)))


VARIANTS: dict[str, Callable[[], Broken]] = {
    "auto-ack": lambda: patch.object(process, "Subscriber", AutoAck),
    "ack-before-commit": lambda: patch.object(process, "Worker", AckBeforeCommit),
    "receipt-before-commit": lambda: patch.object(process, "Worker", ReceiptBeforeCommit),
    "no-epoch": lambda: patch.object(process, "Subscriber", NoEpoch),
    "no-resubscribe": lambda: patch.object(process, "Subscriber", NoResubscribe),
    "unsorted": lambda: _without_order(""),
    # What another order of arrival would do.
    "unsorted-reversed": lambda: _without_order("ORDER BY position DESC"),
}


def main() -> int:
    """Run the broken worker that the first argument names."""
    with VARIANTS[sys.argv[1]]():
        return process.main()


if __name__ == "__main__":
    sys.exit(main())
