"""Limits on the calls of a key, and on unknown keys from one address, counted in fixed windows of a minute.

Each process counts by itself: with n processes a client that reaches all of them gets n times the number.
"""

import time
from functools import lru_cache
from math import ceil

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from api.http.caller import Caller
from api.http.problems import ProblemError
from shared.access.role import Role
from shared.api_settings import ApiSettings

LIMITED_ROLES = frozenset({Role.READER, Role.OPERATOR})
"""Roles of people and pages; gateways and admins are not limited."""
_MOST_KNOWN = 10_000


class RateLimits:
    """The counts of this process."""

    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._locked: dict[str, float] = {}
        self._known: dict[tuple[str, str | None], None] = {}

    async def take(self, caller: Caller, settings: ApiSettings, *, is_costly: bool) -> None:
        """Count a call of a key. Raises 429 beyond its limit."""
        if caller.role not in LIMITED_ROLES or caller.id is None:
            return
        await self._hit(settings.api_requests_per_minute, "calls", caller.id)
        if is_costly:
            await self._hit(settings.api_costly_per_minute, "costly calls", caller.id)

    async def _hit(self, most: int, what: str, caller_id: str) -> None:
        if not most:
            return
        item = _per_minute(most)
        if not await self._windows.hit(item, what, caller_id):
            end = await self._end(item, what, caller_id)
            raise _too_many(f"This key may make {most:,} {what} in a minute; try again later.", most, end)

    async def count_failure(self, address: str, settings: ApiSettings) -> None:
        """Count an unknown key from an address, which is locked at the limit for the rest of the minute."""
        most = settings.api_failed_keys_per_minute
        if not most:
            return
        item = _per_minute(most)
        await self._windows.hit(item, "failed", address)
        stats = await self._windows.get_window_stats(item, "failed", address)
        if stats.remaining == 0:
            now = time.time()
            self._locked = {each: end for each, end in self._locked.items() if end > now}
            self._locked[address] = stats.reset_time

    def require_unlocked(self, address: str, settings: ApiSettings) -> None:
        """Raise 429 for an address that has sent too many unknown keys."""
        if (end := self._locked.get(address)) is None:
            return
        if end <= time.time():
            del self._locked[address]
            return
        detail = "Too many unknown keys came from this address; try again later."
        raise _too_many(detail, settings.api_failed_keys_per_minute, end)

    def is_locked(self, address: str) -> bool:
        """Return whether an address may be locked."""
        return address in self._locked

    def is_known(self, address: str, caller: Caller) -> bool:
        """Return whether a key has been used from this address before."""
        return (address, caller.id) in self._known

    def note_success(self, address: str, caller: Caller) -> None:
        """Remember that a key was used from an address: a lock of the address does not hold for the key."""
        known = self._known
        if (place := (address, caller.id)) not in known:
            if len(known) >= _MOST_KNOWN:
                del known[next(iter(known))]
            known[place] = None

    async def _end(self, item: RateLimitItem, what: str, name: str) -> float:
        return (await self._windows.get_window_stats(item, what, name)).reset_time


@lru_cache(maxsize=16)
def _per_minute(most: int) -> RateLimitItem:
    return RateLimitItemPerMinute(most)


def _too_many(detail: str, most: int, end: float) -> ProblemError:
    seconds = str(max(1, ceil(end - time.time())))
    headers = {
        "Retry-After": seconds,
        "RateLimit-Limit": str(most),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": seconds,
    }
    return ProblemError(429, detail, headers=headers)
