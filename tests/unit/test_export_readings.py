"""Readings in the order of an export: vehicle by vehicle, though several are read together."""

import asyncio
import gc
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from api.queries.exports import Block, Stretch
from api.services import export_readings
from api.services.export_readings import readings_in_order, stretches_of

BEGIN = datetime(2026, 1, 24, tzinfo=UTC)
END = BEGIN + timedelta(days=30)
PER_STATEMENT = 40


class Table:
    """Readings by vehicle, the statements on them, and the bytes that these selected."""

    def __init__(self, readings):
        self.readings = readings
        self.statements = []
        self.selected = 0
        self.running = self.most_running = 0

    async def select(self, stretches):
        """Select as `exports.blocks` does, at a speed of its own each time."""
        self.statements.append([one.vin for one in stretches])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            for _ in range(len(self.statements) % 3):
                await asyncio.sleep(0)
            return [self.block(one, PER_STATEMENT // len(stretches)) for one in stretches]
        finally:
            self.running -= 1

    @property
    def stretches(self):
        return stretches_of(list(self.readings), BEGIN, END)

    def block(self, stretch, most):
        times = self.readings[stretch.vin]
        found = [ts for ts in times if stretch.from_ts <= ts <= stretch.to_ts][:most]
        text = b"".join(line(stretch.vin, ts) for ts in found)
        self.selected += len(text)
        return Block(found[-1] if found else None, text, is_last=len(found) < most)

    async def export(self, *, is_alone=True, pause=0):
        """Collect the blocks of an export of all vehicles; `pause` is the number of turns for each block."""
        blocks = []
        async for block in readings_in_order(
            self.select, self.stretches, head=b"head\n", is_alone=lambda: is_alone
        ):
            blocks.append(block)
            for _ in range(pause):
                await asyncio.sleep(0)
        return blocks


def line(vin, ts):
    return f"{vin} {ts.isoformat()}\n".encode()


def table(*numbers, seed=1):
    """Make a table with so many readings of each vehicle, at random times of thirty days."""
    chance = random.Random(seed)
    return Table(
        {
            f"VIN-{vehicle:05}": sorted(
                BEGIN + timedelta(microseconds=one)
                for one in chance.sample(range(30 * 86_400 * 10**6), number)
            )
            for vehicle, number in enumerate(numbers)
        }
    )


def whole(stored):
    return b"head\n" + b"".join(line(vin, ts) for vin, times in stored.readings.items() for ts in times)


@pytest.mark.parametrize("held_bytes", [0, 3_000, 10**9])
@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_each_reading_once_in_order(monkeypatch, held_bytes, is_alone, seed):
    """Vehicles with none, few and many readings, also exactly as many as a statement selects."""
    monkeypatch.setattr(export_readings, "HELD_BYTES", held_bytes)
    chance = random.Random(seed)
    numbers = [chance.choice([0, 1, 5, 10, 40, 200]) for _ in range(20)]
    stored = table(*numbers, seed=seed)
    blocks = asyncio.run(stored.export(is_alone=is_alone, pause=seed))
    assert b"".join(blocks) == whole(stored)
    assert stored.most_running == (2 if is_alone and held_bytes else 1)


def test_vehicles_are_read_together():
    """The first statements read half of the first eight vehicles each."""
    stored = table(*([30] * 20))
    asyncio.run(stored.export())
    first, second, *_ = stored.statements
    assert (first, second) == ([f"VIN-{n:05}" for n in range(4)], [f"VIN-{n:05}" for n in range(4, 8)])


def test_held_lines_are_limited(monkeypatch):
    """A client that takes nothing: the lines of two statements beyond the limit are held, and no more."""
    monkeypatch.setattr(export_readings, "HELD_BYTES", 4_000)
    stored = table(*([1_000] * 10))

    async def drive():
        blocks = readings_in_order(stored.select, stored.stretches, head=b"", is_alone=lambda: True)
        read = 0
        async for block in blocks:
            read += len(block)
            for _ in range(20):
                await asyncio.sleep(0)
            assert stored.selected - read < 4_000 + 2 * PER_STATEMENT * 50
        return read

    assert asyncio.run(drive()) == len(whole(stored)) - len(b"head\n")


def test_one_vehicle_is_read_by_two_statements():
    """The parts of its window come in order, each reading once, two at a time."""
    stored = table(3_000)
    assert b"".join(asyncio.run(stored.export())) == whole(stored)
    assert stored.most_running == 2


@pytest.mark.parametrize("hours", [0, 6, 30, 720, 24_000])
def test_parts_of_a_window(hours):
    """At most 64 parts, or one every six hours; each begins a microsecond after the one before."""
    length = timedelta(hours=hours)
    parts = stretches_of(["VIN-00001"], BEGIN, BEGIN + length)
    assert len(parts) == min(64, max(1, hours // 6))
    assert (parts[0].from_ts, parts[-1].to_ts) == (BEGIN, BEGIN + length)
    for one, other in pairwise(parts):
        assert other.from_ts - one.to_ts == timedelta(microseconds=1)
    both = stretches_of(["VIN-00001", "VIN-00002"], BEGIN, BEGIN + length)
    assert both == [Stretch(f"VIN-0000{n}", BEGIN, BEGIN + length) for n in (1, 2)]


def test_a_window_that_ends_before_it_begins():
    """One stretch, without a reading."""
    assert stretches_of(["VIN-00001"], END, BEGIN) == [Stretch("VIN-00001", END, BEGIN)]


def test_no_reading_at_all():
    """The header alone."""
    assert asyncio.run(table(0, 0).export()) == [b"head\n"]


def test_an_error_ends_the_export():
    """The error of a statement is raised, and the other statement is ended."""
    stored = table(*([1_000] * 10))
    ended = []

    async def fail(stretches):
        if stretches[0].vin == "VIN-00000":
            raise RuntimeError("of the first")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append([one.vin for one in stretches])
            raise

    stored.select = fail
    with pytest.raises(RuntimeError, match="of the first"):
        asyncio.run(stored.export())
    assert ended == [[f"VIN-{n:05}" for n in range(4, 8)]]


def test_two_statements_that_fail_at_once():
    """The export ends with an error, and none is left that the event loop would log."""
    logged = []

    async def fail(_stretches):
        await asyncio.sleep(0)
        raise ConnectionError("away")

    async def read():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: logged.append(context))
        table = Table({"VIN-00001": [], "VIN-00002": []})
        with pytest.raises(ConnectionError):
            async for _ in readings_in_order(fail, table.stretches, head=b"", is_alone=lambda: True):
                pass
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(read())
    assert logged == []
