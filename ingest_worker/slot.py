"""Numbered slots, which give workers with one MQTT_CLIENT_ID different client ids, by advisory locks.

Slot 1 has the client id as it is set, slot n the same with `-n`: the sessions that the broker keeps belong
to slots, not to processes. Without a group there is only slot 1: two sessions would both get each message.
"""

import hashlib
import select
import socket
from collections.abc import Iterable
from contextlib import suppress

import psycopg

from ingest_worker.database_deadline import DeadlineConnection, StatementDeadline
from ingest_worker.time_limits import STATEMENT_TIMEOUT_S
from shared.settings import WorkerSettings
from shared.storage.engine import address, connect_arguments

MAX_SLOTS = 64
"""Number of slots of a group."""

# Keys of this database's advisory locks of one bigint, which PostgreSQL shows in two halves.
_HELD_BY_OTHERS = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_LOOPBACK = ("localhost", "127.", "::1")


class SlotLock:
    """The advisory lock of one slot, held by a database session of its own; not thread-safe.

    The lock ends with its session, also where the server restarts or the process is killed. Both ends send
    TCP keepalives, so that a machine that vanishes frees its slot within half a minute.
    """

    def __init__(self, settings: WorkerSettings, deadline: StatementDeadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._connection: DeadlineConnection | None = None
        self._number: int | None = None
        self.last: int | None = None
        """Number of the slot held last, which this worker tries first."""
        self.is_shared = settings.mqtt_shared_group is not None

    @property
    def number(self) -> int | None:
        """Number of the slot; None while none is held. Checks the connection without waiting for it."""
        if self._number is not None and not self._is_open():
            self._number = None
        return self._number

    def client_id(self) -> str:
        """Return the client id of the slot that was taken last."""
        return client_id(self._settings, self.last or 1)

    def take(self, numbers: Iterable[int] | None = None) -> int | None:
        """Take the first free slot of these, by default the lowest; return its number, None without any.

        Raises psycopg.Error or OSError; then no slot is held.
        """
        if self.number is not None:
            return self.number
        if numbers is None:
            lowest = range(1, (MAX_SLOTS if self.is_shared else 1) + 1)
            numbers = lowest if self.last is None else (self.last, *lowest)
        for number in numbers:
            if self._try_lock(number):
                self._number = self.last = number
                return number
        return None

    def held_by_others(self) -> list[int]:
        """Return the numbers of this client id's slots that other sessions hold, without taking a lock."""
        # Trying each lock instead would keep a worker that starts at this moment from its slot.
        rows = self._open().execute(_HELD_BY_OTHERS).fetchall()
        keys = {key for (key,) in rows}
        return [number for number in range(1, MAX_SLOTS + 1) if self._key(number) in keys]

    def close(self) -> None:
        """Free the slot."""
        self._number = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    def _try_lock(self, number: int) -> bool:
        row = self._open().execute("SELECT pg_try_advisory_lock(%s)", (self._key(number),)).fetchone()
        return row is not None and bool(row[0])

    def _key(self, number: int) -> int:
        """Return the key of a slot's lock: a hash of broker, client id and number.

        A loopback address names a different broker on each machine, so that the host name goes in, too.
        """
        settings = self._settings
        host = settings.mqtt_host.lower()
        machine = socket.gethostname() if host.startswith(_LOOPBACK) else ""
        parts = (machine, host, str(settings.mqtt_port), settings.mqtt_client_id, str(number))
        digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8, person=b"battery-slot").digest()
        return int.from_bytes(digest, "big", signed=True)

    def _open(self) -> DeadlineConnection:
        if self._connection is None or not self._is_open():
            self.close()
            arguments = connect_arguments(
                self._settings.mqtt_client_id, statement_timeout_ms=round(STATEMENT_TIMEOUT_S * 1000)
            )
            # With the server's default, the session of a machine that vanished would live for two hours.
            arguments["options"] += (
                " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
            )
            self._connection = self._deadline.connect(
                **address(self._settings.database_url) | arguments, autocommit=True
            )
        return self._connection

    def _is_open(self) -> bool:
        """Return whether the connection is open as far as this end knows; reads what has arrived, no wait."""
        connection = self._connection
        if connection is None or connection.closed:
            return False
        try:
            while select.select([connection.fileno()], [], [], 0)[0]:
                # Either the server sent a notice, such as its shutdown, or the connection is gone.
                connection.pgconn.consume_input()
                connection.pgconn.is_busy()
                if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the link has gone")
        except (psycopg.Error, OSError, ValueError):
            self.close()
            return False
        return True


def client_id(settings: WorkerSettings, number: int) -> str:
    """Return the client id of a slot."""
    return settings.mqtt_client_id if number == 1 else f"{settings.mqtt_client_id}-{number}"
