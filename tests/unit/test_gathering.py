"""Questions that share a statement: each gets its own answer, none is lost, and few are under way."""

import asyncio
import random
from contextlib import suppress

import pytest

from api.db.coalescing import RequestCoalescer

UNKNOWN = "VIN-UNKNOWN"


class BrokenStatementError(Exception):
    """What the database raised."""


class Database:
    """Answers when it is told to; notes what it was asked."""

    def __init__(self):
        self.asked = []
        self.under_way = self.most_under_way = 0
        self.failing = False
        self._answering = asyncio.Event()
        self.gathering = RequestCoalescer(self._ask)

    async def _ask(self, keys):
        self.asked.append(list(keys))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._answering.wait()
        finally:
            self.under_way -= 1
        if self.failing:
            raise BrokenStatementError
        return {key: (key, "newest") for key in keys if key != UNKNOWN}

    def hold(self):
        self._answering.clear()

    def answer(self):
        self._answering.set()

    def ask(self, *keys):
        """One task for each key."""
        return [asyncio.ensure_future(self.gathering.get(key)) for key in keys]


async def settle():
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def drive(test):
    """Run it on an event loop, and don't wait for ever for one that was lost."""
    asyncio.run(asyncio.wait_for(test(), 30))


def test_a_lone_one():
    """It waits for nobody, and is asked once."""

    async def test():
        database = Database()
        database.answer()
        assert await database.gathering.get("A") == ("A", "newest")
        assert database.asked == [["A"]]

    drive(test)


def test_those_of_one_moment_share_a_statement():
    """Each key once in it, however many ask for it; each gets its own answer, None where there is none."""

    async def test():
        database = Database()
        asked = database.ask("A", "B", "A", UNKNOWN, "C", UNKNOWN)
        await settle()
        assert database.asked == [["A", "B", UNKNOWN, "C"]]
        database.answer()
        assert await asyncio.gather(*asked) == [
            ("A", "newest"),
            ("B", "newest"),
            ("A", "newest"),
            None,
            ("C", "newest"),
            None,
        ]

    drive(test)


def test_two_under_way_at_the_most():
    """What comes meanwhile is gathered, also a key that is being asked for: it may be newer by now."""

    async def test():
        database = Database()
        asked = []
        for key in "ABCDEA":
            asked += database.ask(key)
            await settle()
        assert database.asked == [["A"], ["B"]]
        database.answer()
        assert await asyncio.gather(*asked) == [(key, "newest") for key in "ABCDEA"]
        assert database.asked == [["A"], ["B"], ["C", "D", "E", "A"]]
        assert database.most_under_way == 2

    drive(test)


def test_an_exception_reaches_those_who_asked_and_nobody_later():
    """Each of them; the next statement is a new one, also for those who were waiting already."""

    async def test():
        database = Database()
        database.failing = True
        first = database.ask("A", "B", "A")
        await settle()
        second = database.ask("C")
        await settle()
        third = database.ask("A", "D")
        await settle()
        database.answer()
        assert [type(found) for found in await asyncio.gather(*first, *second, return_exceptions=True)] == [
            BrokenStatementError
        ] * 4
        # By now the third statement has failed, too: it was made before the database was well.
        assert all(isinstance(found, BrokenStatementError) for found in await outcomes(third))
        database.failing = False
        assert await database.gathering.get("A") == ("A", "newest")

    async def outcomes(tasks):
        return await asyncio.gather(*tasks, return_exceptions=True)

    drive(test)


def test_one_that_left_disturbs_nobody():
    """A client that has gone before its statement, or amid it, whether that succeeds or fails."""

    async def test():
        for failing in (False, True):
            database = Database()
            database.failing = failing
            gone, stays = database.ask("A", "A")
            other, leaves = database.ask("B", "C")
            gone.cancel()
            await settle()
            leaves.cancel()
            later_gone, later = database.ask("D", "E")
            await settle()
            later_gone.cancel()
            database.answer()
            found = await asyncio.gather(stays, other, later, return_exceptions=True)
            if failing:
                assert [type(one) for one in found] == [BrokenStatementError] * 3
            else:
                assert found == [("A", "newest"), ("B", "newest"), ("E", "newest")]
            assert [task.cancelled() for task in (gone, leaves)] == [True, True]
            await settle()
            assert database.under_way == 0

    drive(test)


@pytest.mark.parametrize("turns", range(6))
def test_one_that_comes_as_both_statements_end(turns):
    """In whatever turn of the event loop: the one who asks then is not left waiting for a third."""

    async def test():
        database = Database()
        asked = []
        for key in "AB":
            asked += database.ask(key)
            await settle()
        assert database.under_way == 2
        database.answer()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert await asyncio.wait_for(database.gathering.get("C"), 5) == ("C", "newest")
        assert await asyncio.gather(*asked) == [("A", "newest"), ("B", "newest")]

    drive(test)


@pytest.mark.parametrize("seed", range(20))
def test_none_is_lost(seed):
    """Asked again and again at random moments, given up at others, with statements that fail now and then."""
    generator = random.Random(seed)
    under_way, most = 0, 0

    async def pause():
        for _ in range(generator.choice([0, 0, 0, 1, 1, 2, 3])):
            await asyncio.sleep(0)

    async def ask(keys):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await pause()
        under_way -= 1
        if generator.random() < 0.1:
            raise BrokenStatementError
        return {key: (key,) for key in keys if key != UNKNOWN}

    async def client(gathering):
        for _ in range(30):
            key = generator.choice(["A", "B", "C", UNKNOWN])
            task = asyncio.ensure_future(gathering.get(key))
            await pause()
            if generator.random() < 0.1:
                task.cancel()
            with suppress(BrokenStatementError, asyncio.CancelledError):
                assert await task == (None if key == UNKNOWN else (key,))
            await pause()

    async def test():
        gathering = RequestCoalescer(ask)
        await asyncio.gather(*(client(gathering) for _ in range(generator.randint(1, 8))))
        await settle()
        assert (under_way, gathering._tasks, gathering._waiting) == (0, set(), {})

    drive(test)
    assert 1 <= most <= 2
