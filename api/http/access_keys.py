"""The keys of this process: those of API_KEYS, and a snapshot of the table, read every two seconds.

A change is known in every process within ten seconds: a snapshot that could not be renewed for so long is no
longer used while the database answers. While it is away no call gets data, and metrics stay readable.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache

import psycopg

from api.db.errors import DatabaseAwayError
from api.http.caller import ANYBODY, Caller
from api.http.problems import DATABASE_ERRORS, ProblemError
from api.queries.access_keys import StoredKey, StoredKeys
from shared.access.role import Role
from shared.access.scope import WHOLE_FLEET
from shared.access.secret_key import digest
from shared.storage.error_classes import summarise

log = logging.getLogger("api")

_INTERVAL_S = 2.0
_MOST_AGE_S = 8.0
_LONGEST_KEY = 1_000
_OPEN = "No API key is set: every call is answered. API_KEYS or `python -m api.keys create` ends that."

_ROLES = frozenset(map(str, Role))

Load = Callable[[], Awaitable[StoredKeys]]


class AccessKeys:
    """The keys in force; without `attach` those of API_KEYS alone."""

    def __init__(self) -> None:
        self._load: Load | None = None
        self._loading: asyncio.Task[None] | None = None
        self._loaded_at = float("inf")
        self._by_digest: dict[bytes, Caller] = {}
        self._by_id: dict[str, Caller] = {}
        self._is_empty = True
        self._is_away = False
        self._has_said_open = False
        self.used: set[int] = set()
        """Ids of the table's keys that were used since they were last written."""

    def attach(self, load: Load) -> None:
        """Read the table with `load` from now on; no key of it is known before."""
        self._load, self._loaded_at = load, float("-inf")

    @asynccontextmanager
    async def renew_periodically(self, configured: tuple[str, ...]) -> AsyncIterator[None]:
        """Renew the snapshot for the length of the block; `configured` are the keys of API_KEYS."""
        task = asyncio.create_task(self._renew_periodically(configured))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renew_periodically(self, configured: tuple[str, ...]) -> None:
        while True:
            with suppress(*DATABASE_ERRORS, psycopg.Error, OSError):
                await self.renew()
                if not self._has_said_open and self.is_open(configured):
                    log.info(_OPEN)
                    self._has_said_open = True
            await asyncio.sleep(_INTERVAL_S)

    @property
    def is_stale(self) -> bool:
        """True where the snapshot is too old to be used, and the database may answer."""
        return time.monotonic() - self._loaded_at > _MOST_AGE_S and not self._is_away

    async def renew(self) -> None:
        """Read the table now; calls at the same time share one statement."""
        if self._load is None:
            return
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._read(self._load))
        await asyncio.shield(self._loading)

    async def _read(self, load: Load) -> None:
        begin = time.monotonic()
        try:
            found = await load()
        except BaseException as error:
            # Any other error than an outage makes the snapshot stale in time: a key may be revoked by now.
            self._is_away = isinstance(error, DatabaseAwayError) and self._loaded_at != float("-inf")
            if isinstance(error, psycopg.Error | OSError):
                log.warning("The keys of the API can't be read: %s", summarise(error))
            raise
        # A key with a role of a newer release is of no use here.
        callers = [_caller(key) for key in found.keys if key.role in _ROLES]
        self._by_digest = {caller.digest: caller for caller in callers}
        self._by_id = {str(caller.id): caller for caller in callers}
        self._is_empty, self._is_away, self._loaded_at = found.is_empty, False, begin

    def is_open(self, configured: tuple[str, ...]) -> bool:
        """Return whether no key was ever made: every call is then answered."""
        return not configured and self._is_empty

    def find(self, key: bytes, configured: tuple[str, ...]) -> Caller | None:
        """Return the caller of a key that is in force."""
        if len(key) > _LONGEST_KEY:
            return None
        # By its digest: the time of the look-up tells nothing about the text of a key.
        found = digest(key)
        caller = self._in_force(callers_of(configured).get(found) or self._by_digest.get(found))
        self.note_use(caller)
        return caller

    def note_use(self, caller: Caller | None) -> None:
        """Note that a key of the table was used."""
        if caller is not None and caller.table_id is not None:
            self.used.add(caller.table_id)

    @staticmethod
    def is_configured(key: bytes, configured: tuple[str, ...]) -> bool:
        """Return whether a key is one of API_KEYS, which needs no database."""
        return digest(key) in callers_of(configured)

    def find_by_id(self, caller_id: str, configured: tuple[str, ...]) -> Caller | None:
        """Return the caller with this id that is in force."""
        named = {str(caller.id): caller for caller in callers_of(configured).values()}
        return self._in_force(named.get(caller_id) or self._by_id.get(caller_id))

    def _in_force(self, caller: Caller | None) -> Caller | None:
        if caller is None or caller.table_id is None:
            return caller
        if caller.expires_at is not None and caller.expires_at <= datetime.now(UTC):
            return None
        return caller


@lru_cache(maxsize=4)
def callers_of(configured: tuple[str, ...]) -> dict[bytes, Caller]:
    """Return the callers of API_KEYS, by digest: admins named by their place in the setting."""
    return {
        digest(key.encode()): Caller(
            f"s{place}", f"API_KEYS {place}", Role.ADMIN, WHOLE_FLEET, digest(key.encode())
        )
        for place, key in enumerate(configured, 1)
    }


def _caller(key: StoredKey) -> Caller:
    role = Role(key.role)
    scope = WHOLE_FLEET if role is Role.ADMIN else key.scope
    patterns = ANYBODY.patterns if role is Role.ADMIN else key.patterns
    return Caller(
        f"t{key.id}", key.name, role, scope, key.digest, key.id, patterns, key.groups, key.expires_at
    )


def refuse_key(detail: str) -> ProblemError:
    """Make the 401 of a call without a key in force."""
    return ProblemError(401, detail, headers={"WWW-Authenticate": "ApiKey"})
