"""The advisory lock of the one process that sends messages; the other alert workers stand by."""

import logging
import time
from contextlib import suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

_log = logging.getLogger("alert_worker.routes")
_KEY = 0x616C657274  # "alert"
_CHECK_EVERY_S = 1.0


class SenderLock:
    """A lock that ends with its database session, so that another process takes over within seconds.

    Two processes that send at the same time could change the order of an episode's messages, and each would
    count its own limit.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._checked_at = 0.0

    @property
    def is_held(self) -> bool:
        """True where this process held the lock at the last check."""
        return self._connection is not None

    def take(self) -> bool:
        """Take the lock, or check that it is still held; return whether this process holds it."""
        if self._connection is not None and time.monotonic() - self._checked_at < _CHECK_EVERY_S:
            return True
        try:
            if self._connection is None:
                self._try_lock()
            else:
                self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            _log.warning("The lock of the sender is lost: %s", type(error).__name__)
            self.free()
        self._checked_at = time.monotonic()
        return self.is_held

    def free(self) -> None:
        """Free the lock with its session."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                # Back in the pool, the session would keep the lock.
                connection.invalidate()
                connection.close()

    def _try_lock(self) -> None:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            is_ours = connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}
            ).scalar_one()
        except SQLAlchemyError:
            connection.close()
            raise
        if is_ours:
            self._connection = connection
        else:
            connection.close()
