"""A deadline for each statement on the client's side.

The server ends a statement by itself after its `statement_timeout`. That does not help where the link
swallows what is sent, nor do the limits of TCP where a proxy goes on acknowledging: the wait for the answer
is then ended here, by the thread that waits. No thread watches another, so none can die unseen.
"""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.waiting import Ready
from sqlalchemy import Engine, event

from shared.storage.engine import cut

log = logging.getLogger("ingest_worker.database_deadline")

T = TypeVar("T")

STATEMENT_TIMEOUT_S = 30.0
"""After so long the server ends a statement."""
DEADLINE_S = 45.0
"""After so long without an answer the connection is cut. Longer than STATEMENT_TIMEOUT_S: the server's word
comes first where it can."""

_LONGEST_TEXT = 160
_FRAMES = 12


class StatementDeadline:
    """Bounds how long the server may be silent on the connections of an engine; begins anew with each answer.

    psycopg waits for a BEGIN and the statement behind it in one go: each of the two has the whole time.
    `on_wait` is called about ten times a second during a wait: a thread that waits within its deadline lives.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        seconds: float = DEADLINE_S,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.seconds = seconds
        self.longest_s = 0.0
        """The longest silence since `begin`."""
        self.has_cut = False
        """Whether a connection was cut since `begin`."""
        self.statement = ""
        """The last statement that was sent, without its parameters."""
        self._on_wait = on_wait
        if engine is not None:
            event.listen(engine, "do_connect", self._connect_for_engine)

    def begin(self) -> None:
        """Forget what was measured before."""
        self.longest_s = 0.0
        self.has_cut = False

    def connect(self, *arguments: Any, **options: Any) -> "BoundConnection":
        """Open a connection to which this deadline applies."""
        connection = BoundConnection.connect(*arguments, **options)
        connection.deadline = self
        return connection

    def _connect_for_engine(
        self, _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> "BoundConnection":
        return self.connect(*arguments, **options)

    def bound(self, connection: "BoundConnection", steps: Any) -> Any:
        """The generator `steps`, on which psycopg waits, with this deadline."""
        began = time.monotonic()
        is_cut = False
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                # psycopg wakes ten times a second where the socket is not ready.
                if not ready:
                    self._on_wait()
                    if not is_cut and time.monotonic() - began > self.seconds:
                        is_cut = self.has_cut = True
                        self._cut(connection)
                elif ready & Ready.R:
                    now = time.monotonic()
                    self.longest_s = max(self.longest_s, now - began)
                    began = now
                wanted = steps.send(ready)
        except StopIteration as done:
            return done.value

    def _cut(self, connection: "BoundConnection") -> None:
        log.error(
            "No answer from the database within %g s: the connection is cut. Statement: %s",
            self.seconds,
            shortened(self.statement),
        )
        frames = reversed(traceback.extract_stack()[:-1])
        stack = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        log.error("Stack of the thread that waits, innermost first: %s", " < ".join(stack[:_FRAMES]))
        # The wait then ends as after any other loss of a connection, with an OperationalError.
        cut(connection)


class _NotingCursor(psycopg.Cursor[Any]):
    """Tells the connection's deadline what is being executed."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        _note(self.connection, query)
        return super().execute(query, *arguments, **options)

    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        _note(self.connection, statement)
        return super().copy(statement, *arguments, **options)


class BoundConnection(psycopg.Connection[Any]):
    """A connection whose every wait for the server has a deadline."""

    deadline: StatementDeadline | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = _NotingCursor

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        bound = gen if self.deadline is None else self.deadline.bound(self, gen)
        return super().wait(bound, *arguments, **options)

    def commit(self) -> None:
        _note(self, "COMMIT")
        super().commit()


def _note(connection: psycopg.Connection[Any], statement: object) -> None:
    if isinstance(connection, BoundConnection) and connection.deadline is not None:
        connection.deadline.statement = (
            statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)
        )


def shortened(statement: str) -> str:
    """The beginning of a statement on one line."""
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
