"""Lookups that share a statement: each gets its own row, none is lost, and few statements run at once."""

import asyncio
import random
from contextlib import suppress

import pytest

from api.db.coalescing import RequestCoalescer

UNKNOWN = "VIN-UNKNOWN"


class BrokenStatementError(Exception):
    """Error of a statement."""


class Database:
    """Stand-in that holds its answers back on request, and records the statements' keys."""

    def __init__(self):
        self.batches = []
        self.running = self.most_running = 0
        self.failing = False
        self._released = asyncio.Event()
        self.coalescer = RequestCoalescer(self._query)

    async def _query(self, keys):
        self.batches.append(list(keys))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self._released.wait()
        finally:
            self.running -= 1
        if self.failing:
            raise BrokenStatementError
        return {key: (key, "newest") for key in keys if key != UNKNOWN}

    def hold(self):
        self._released.clear()

    def answer(self):
        self._released.set()

    def ask(self, *keys):
        """Start one lookup for each key."""
        return [asyncio.ensure_future(self.coalescer.get(key)) for key in keys]


async def settle():
    """Let every ready task run."""
    for _ in range(10):
        await asyncio.sleep(0)


def drive(test):
    """Run a test on an event loop, with a timeout for a lookup that was lost."""
    asyncio.run(asyncio.wait_for(test(), 30))


def test_a_lone_lookup():
    """A lone lookup does not wait, and runs one statement."""

    async def test():
        database = Database()
        database.answer()
        assert await database.coalescer.get("A") == ("A", "newest")
        assert database.batches == [["A"]]

    drive(test)


def test_lookups_of_one_moment_share_a_statement():
    """A statement holds each key once; each lookup gets its own row, None where there is none."""

    async def test():
        database = Database()
        batches = database.ask("A", "B", "A", UNKNOWN, "C", UNKNOWN)
        await settle()
        assert database.batches == [["A", "B", UNKNOWN, "C"]]
        database.answer()
        assert await asyncio.gather(*batches) == [
            ("A", "newest"),
            ("B", "newest"),
            ("A", "newest"),
            None,
            ("C", "newest"),
            None,
        ]

    drive(test)


def test_two_statements_at_the_most():
    """Later lookups are collected, also for a key of a running statement: its row may be newer by now."""

    async def test():
        database = Database()
        batches = []
        for key in "ABCDEA":
            batches += database.ask(key)
            await settle()
        assert database.batches == [["A"], ["B"]]
        database.answer()
        assert await asyncio.gather(*batches) == [(key, "newest") for key in "ABCDEA"]
        assert database.batches == [["A"], ["B"], ["C", "D", "E", "A"]]
        assert database.most_running == 2

    drive(test)


def test_an_error_reaches_the_lookups_of_its_statement_alone():
    """Each lookup of a failed statement gets the error; waiting lookups get a new statement."""

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
        # By now the third statement has failed, too: it ran before the database had recovered.
        assert all(isinstance(found, BrokenStatementError) for found in await outcomes(third))
        database.failing = False
        assert await database.coalescer.get("A") == ("A", "newest")

    async def outcomes(tasks):
        return await asyncio.gather(*tasks, return_exceptions=True)

    drive(test)


def test_a_client_that_left():
    """A client may leave before or during its statement, which may succeed or fail."""

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
            assert database.running == 0

    drive(test)


@pytest.mark.parametrize("turns", range(6))
def test_a_lookup_as_both_statements_end(turns):
    """A lookup in any turn of the event loop around the end of both statements is answered."""

    async def test():
        database = Database()
        batches = []
        for key in "AB":
            batches += database.ask(key)
            await settle()
        assert database.running == 2
        database.answer()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert await asyncio.wait_for(database.coalescer.get("C"), 5) == ("C", "newest")
        assert await asyncio.gather(*batches) == [("A", "newest"), ("B", "newest")]

    drive(test)


@pytest.mark.parametrize("seed", range(20))
def test_no_lookup_is_lost(seed):
    """Lookups start and are cancelled at random moments, and some statements fail."""
    generator = random.Random(seed)
    running, most = 0, 0

    async def pause():
        for _ in range(generator.choice([0, 0, 0, 1, 1, 2, 3])):
            await asyncio.sleep(0)

    async def ask(keys):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await pause()
        running -= 1
        if generator.random() < 0.1:
            raise BrokenStatementError
        return {key: (key,) for key in keys if key != UNKNOWN}

    async def client(coalescer):
        for _ in range(30):
            key = generator.choice(["A", "B", "C", UNKNOWN])
            task = asyncio.ensure_future(coalescer.get(key))
            await pause()
            if generator.random() < 0.1:
                task.cancel()
            with suppress(BrokenStatementError, asyncio.CancelledError):
                assert await task == (None if key == UNKNOWN else (key,))
            await pause()

    async def test():
        coalescer = RequestCoalescer(ask)
        await asyncio.gather(*(client(coalescer) for _ in range(generator.randint(1, 8))))
        await settle()
        assert (running, coalescer._tasks, coalescer._waiting) == (0, set(), {})

    drive(test)
    assert 1 <= most <= 2
