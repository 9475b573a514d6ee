"""A client-side deadline for each statement.

The server cancels a statement after its `statement_timeout`. That does not help where the network drops what
is sent, nor do TCP's limits where a proxy goes on acknowledging. The waiting thread then ends its own wait
here; a second thread for that could die unnoticed.
"""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.waiting import Ready
from sqlalchemy import Engine, event

from ingest_worker.time_limits import DEADLINE_S
from shared.storage.engine import cut

log = logging.getLogger("ingest_worker.database_deadline")

T = TypeVar("T")

_LONGEST_TEXT = 160
_FRAMES = 12


class StatementDeadline:
    """A bound on the time without an answer on an engine's connections; each answer restarts the clock.

    psycopg waits for a BEGIN and the statement behind it in one call: each of the two has the whole time.
    `on_wait` is called about ten times a second during a wait, so that a thread that waits within its
    deadline counts as live.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        seconds: float = DEADLINE_S,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.seconds = seconds
        self.longest_s = 0.0
        """Longest time without an answer since `reset`, seconds."""
        self.has_cut = False
        """True where a connection was cut since `reset`."""
        self.statement = ""
        """Last statement that was sent, without its parameters."""
        self._on_wait = on_wait
        if engine is not None:
            event.listen(engine, "do_connect", self._connect_for_engine)

    def reset(self) -> None:
        """Reset `longest_s` and `has_cut`."""
        self.longest_s = 0.0
        self.has_cut = False

    def connect(self, *arguments: Any, **options: Any) -> "DeadlineConnection":
        """Open a connection to which this deadline applies."""
        connection = DeadlineConnection.connect(*arguments, **options)
        connection.deadline = self
        return connection

    def _connect_for_engine(
        self, _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> "DeadlineConnection":
        return self.connect(*arguments, **options)

    def with_deadline(self, connection: "DeadlineConnection", steps: Any) -> Any:
        """Wrap psycopg's generator `steps`, which yields the socket states to wait for, in this deadline."""
        began = time.monotonic()
        is_cut = False
        try:
            awaited = next(steps)
            while True:
                ready = yield awaited
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
                awaited = steps.send(ready)
        except StopIteration as done:
            return done.value

    def _cut(self, connection: "DeadlineConnection") -> None:
        log.error(
            "No answer from the database within %g s: the connection is cut. Statement: %s",
            self.seconds,
            shortened(self.statement),
        )
        frames = reversed(traceback.extract_stack()[:-1])
        stack = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        log.error("Stack of the thread that waits, innermost first: %s", " < ".join(stack[:_FRAMES]))
        # The wait then ends as after any lost connection, with an OperationalError.
        cut(connection)


class _RecordingCursor(psycopg.Cursor[Any]):
    """A cursor that records each statement in its connection's deadline, for the log."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        _record(self.connection, query)
        return super().execute(query, *arguments, **options)

    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        _record(self.connection, statement)
        return super().copy(statement, *arguments, **options)


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection with a deadline for each wait for the server."""

    deadline: StatementDeadline | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = _RecordingCursor

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        steps = gen if self.deadline is None else self.deadline.with_deadline(self, gen)
        return super().wait(steps, *arguments, **options)

    def commit(self) -> None:
        _record(self, "COMMIT")
        super().commit()


def _record(connection: psycopg.Connection[Any], statement: object) -> None:
    if isinstance(connection, DeadlineConnection) and connection.deadline is not None:
        connection.deadline.statement = (
            statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)
        )


def shortened(statement: str) -> str:
    """Return the first 160 characters of a statement, on one line."""
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
