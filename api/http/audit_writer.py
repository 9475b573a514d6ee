"""Entries of refused calls, and the use of keys, written to the database once a second.

Equal entries within a second are one row with their number, and a second keeps at most 1,000 rows: a client
that is refused without end costs the database a few inserts.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from api.db.database import Database
from api.http.problems import DATABASE_ERRORS
from shared.access.audit_table import AuditEntry, add_entries, delete_old
from shared.access.key_table import note_use
from shared.storage.error_classes import summarise

log = logging.getLogger("api")

_INTERVAL_S = 1.0
_MOST_WAITING = 1_000
_USE_INTERVAL_S = 60.0
_DELETE_INTERVAL_S = 3_600.0
_LAST_WRITE_S = 2.0
_ERRORS = (*DATABASE_ERRORS, psycopg.Error, SQLAlchemyError, OSError)


class AuditWriter:
    """Entries of this process that are not yet written; `used` holds the ids of keys that were used."""

    def __init__(self, used: set[int]) -> None:
        self._used = used
        self._waiting: dict[tuple[str | None, ...], AuditEntry] = {}
        self._left_out = 0
        self._next_use = self._next_delete = 0.0

    def note(self, entry: AuditEntry) -> None:
        """Keep an entry to be written; beyond 1,000 different ones a second it is only counted."""
        what = entry.key_name, entry.address, entry.call, entry.vin, entry.outcome
        if known := self._waiting.get(what):
            self._waiting[what] = replace(known, times=known.times + entry.times)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[what] = entry
        else:
            self._left_out += entry.times

    @asynccontextmanager
    async def write_periodically(self, database: Database, keep_days: int) -> AsyncIterator[None]:
        """Write every second for the length of the block, and at its end."""
        task = asyncio.create_task(self._write_periodically(database, keep_days))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with suppress(*_ERRORS, TimeoutError):
                async with asyncio.timeout(_LAST_WRITE_S):
                    await self._write(database)

    async def _write_periodically(self, database: Database, keep_days: int) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_S)
            with suppress(*DATABASE_ERRORS):
                try:
                    await self._write(database)
                    await self._note_use(database)
                    await self._delete_old(database, keep_days)
                except (psycopg.Error, SQLAlchemyError, OSError) as error:
                    log.warning("The audit can't be written: %s", summarise(error))

    async def _write(self, database: Database) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        try:
            await database.write(add_entries, list(waiting.values()))
        except BaseException:
            later, self._waiting = self._waiting, waiting
            for entry in later.values():
                self.note(entry)
            raise
        if self._left_out:
            log.warning("%d refused calls are not in the audit: too many at once", self._left_out)
            self._left_out = 0

    async def _note_use(self, database: Database) -> None:
        if self._used and self._is_due("_next_use", _USE_INTERVAL_S):
            used = sorted(self._used)
            self._used.clear()
            await database.write(note_use, used)

    async def _delete_old(self, database: Database, keep_days: int) -> None:
        if not keep_days or not self._is_due("_next_delete", _DELETE_INTERVAL_S):
            return
        has_more: int = await database.write(delete_old, keep_days)
        if has_more:
            # One piece a turn: new entries are written between two.
            self._next_delete = 0.0

    def _is_due(self, name: str, every_s: float) -> bool:
        if (now := time.monotonic()) < getattr(self, name):
            return False
        setattr(self, name, now + every_s)
        return True
