"""A subscriber, in a thread, that receives, acknowledges and counts messages."""

import threading
import time
from types import TracebackType
from typing import Self

from scripts.bench import packets
from scripts.bench.bench_error import MeasureError
from scripts.bench.link import Link
from scripts.launcher.broker import Broker

_TICK_S = 0.001


class Consumer(threading.Thread):
    """A context manager that listens from its entry on; `received` counts the messages.

    Its session is durable.
    """

    def __init__(self, broker: Broker, client_id: str, topic_filters: list[str]) -> None:
        super().__init__(name=client_id, daemon=True)
        self.received = 0
        self._link = Link(broker, client_id, clean=False)
        self._link.subscribe(topic_filters)
        self._ending = threading.Event()
        self._failure: MeasureError | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.join()
        self._link.close()
        if self._failure is not None and error is None:
            raise self._failure

    def run(self) -> None:
        try:
            while not self._ending.is_set():
                bodies = [b for kind, b in self._link.receive(within=0.1) if kind == packets.PUBLISH]
                self._link.send(b"".join(map(packets.puback, bodies)))
                self.received += len(bodies)
                # One read for many messages costs less than a read for each.
                time.sleep(_TICK_S)
        except MeasureError as lost:
            self._failure = lost


def leave_session(broker: Broker, client_id: str, topic_filters: list[str]) -> None:
    """Create a durable session and disconnect: the broker queues its messages from now on."""
    with Link(broker, client_id, clean=False) as link:
        link.subscribe(topic_filters)
