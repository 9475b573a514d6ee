"""An end to every wait for the database, also where the link to it swallows what is sent.

Time limits of the server don't help then, nor do those of TCP where something between the two goes on
acknowledging: the worker would wait for an answer for ever.
"""

import threading
import time
from types import TracebackType
from typing import Any
from weakref import WeakSet

import psycopg
from sqlalchemy import Engine, event

from shared.database import cut

# Twice what a statement may take: nothing that the database still works on is cut.
LONGEST_S = 60.0


class Patience:
    """Used as a context manager around what waits; cuts the engine's connections when that takes too long.

    The wait then ends with an OperationalError, and is tried again like any other.
    """

    def __init__(self, engine: Engine, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
        event.listen(engine, "connect", lambda connection, _record: self._connections.add(connection))
        self._lock = threading.Condition()
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._deadline = time.monotonic() + self._longest_s
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="patience", daemon=True)
                self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._deadline = None

    def _watch(self) -> None:
        while True:
            with self._lock:
                # Nobody wakes it: a look now and then costs less than one at each begin and end.
                self._lock.wait(self._longest_s / 10)
                is_late = self._deadline is not None and time.monotonic() > self._deadline
                if is_late:
                    self._deadline = None
            if is_late:
                for connection in list(self._connections):
                    cut(connection)
