"""Results of analyses that are kept for a moment."""

import asyncio

import pytest

from api.services import diagnosis_cache
from api.services.diagnosis_cache import ResultCache


class Asker:
    """A request, as far as the cache looks at it."""

    gone = False

    async def is_disconnected(self):
        return self.gone


def cached(run):
    """Run `run(cache, get)` in a loop; `get(*keys)` notes what was computed in `get.computed`."""

    async def main():
        cache = ResultCache()
        computed = []

        async def compute(missing, _is_wanted):
            computed.extend(missing)
            await asyncio.sleep(0)
            return [[key] for key in missing]

        async def get(*keys, request=None, by=compute):
            return await cache.get(request or Asker(), keys, by)

        get.computed = computed
        await run(cache, get)

    asyncio.run(main())


def test_few_are_kept(monkeypatch):
    """Of those that are done the oldest go, and all go after their time; a large one is not kept at all."""
    monkeypatch.setattr(diagnosis_cache, "MOST_KEPT", 3)
    monkeypatch.setattr(diagnosis_cache, "MOST_FINDINGS", 5)

    async def run(cache, get):
        for key in range(5):
            await get(key)
        assert len(cache) == 3
        await get(4, 3, 2)
        assert get.computed == [0, 1, 2, 3, 4]
        await get(0)
        assert get.computed[-1] == 0

        async def large(missing, _is_wanted):
            return [([1, 2, 3], [4, 5, 6]) for _ in missing]

        assert await get("large", by=large) == [([1, 2, 3], [4, 5, 6])]
        assert len(cache) == 3
        monkeypatch.setattr(diagnosis_cache, "KEPT_S", 0.0)
        await get("short")
        await asyncio.sleep(0.01)
        assert "short" not in cache._entries

    cached(run)


def test_a_failure_is_not_kept():
    """Each that waits for it gets it, and the next one computes again."""

    async def run(cache, get):
        async def fail(_missing, _is_wanted):
            await asyncio.sleep(0)
            raise OSError("away")

        failed = await asyncio.gather(get(1, 2, by=fail), get(2, by=fail), return_exceptions=True)
        assert [type(error) for error in failed] == [OSError, OSError]
        assert len(cache) == 0
        assert await get(1) == [[1]]

    cached(run)


def test_one_of_several_leaves():
    """A computation goes on while any of the callers is connected; a cancelled call ends no other."""

    async def run(_cache, get):
        asked, go_on = [], asyncio.Event()

        async def compute(missing, is_wanted):
            await go_on.wait()
            asked.append(await is_wanted())
            return [[key] for key in missing]

        first, second, third = Asker(), Asker(), Asker()
        waiting = [asyncio.create_task(get(1, request=each, by=compute)) for each in (first, second, third)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        first.gone = second.gone = True
        go_on.set()
        assert await waiting[2] == [[1]]
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        third.gone = True
        await get(2, request=third, by=compute)
        assert asked == [True, False]

    cached(run)
