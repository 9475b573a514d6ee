"""Readings kept as columns: they read as the list of their rows does, and their times come out the same."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.reading_columns import ReadingColumns
from shared.storage.ticks import ticks, ticks_of_blocks
from shared.wire.reading import SIGNALS
from shared.wire.reading_block import ReadingBlock, RowParts
from shared.wire.time_texts import ticks_of_texts
from tests.readings import row

NUMBER = len(SIGNALS)


def some_rows(first, number):
    """Make whole rows, of which each has another time and soc."""
    others = dict.fromkeys([*SIGNALS][1:], 20.0)
    return [row(second=first + each, soc=float(each % 100), **others) for each in range(number)]


parts = st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=6)


def made(sizes):
    """Return the same rows as a list and as parts, of which some are blocks."""
    plain, divided = [], RowParts()
    for is_block, size in sizes:
        rows = some_rows(len(plain), size)
        divided.extend(ReadingBlock.of(rows) if is_block else rows)
        plain += rows
    return plain, divided


@given(parts, st.slices(30), st.integers(1, 7))
def test_parts_read_as_a_list(sizes, places, step):
    """By index, by slice, in a loop, and as samples of their times."""
    plain, divided = made(sizes)
    assert len(divided) == len(plain)
    assert [*divided] == plain
    assert [divided[place] for place in range(len(plain))] == plain
    assert [divided[place] for place in range(-len(plain), 0)] == plain
    assert [*divided[places]] == plain[places]
    assert [*divided.times(step)] == [(one.ts, one.received_at) for one in plain[::step]]
    assert [each for block in divided.blocks() for each in block] == plain
    with pytest.raises(IndexError):
        divided[len(plain)]


@given(parts.filter(bool), st.data())
def test_a_row_is_replaced(sizes, data):
    """A row in a block, too; the others stay."""
    plain, divided = made(sizes)
    place = data.draw(st.integers(0, len(plain) - 1))
    plain[place] = divided_row = plain[place]._replace(soc=55.5)
    divided[place] = divided_row
    assert [*divided] == plain


@given(parts.filter(bool))
def test_columns_are_those_of_the_rows(sizes):
    """Of a list, of blocks, and of both."""
    plain, divided = made(sizes)
    one, other = ReadingColumns.of(plain), ReadingColumns.of(divided)
    assert one.vins == other.vins
    for name in ("codes", "ts", "received_at", "signals"):
        assert (getattr(one, name) == getattr(other, name)).all()


EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), LATEST - EPOCH).map(lambda since: EPOCH + since)


def cut(moment, digits):
    """Return a time with so many digits of its second's fraction, and its text."""
    unit = 10 ** (6 - digits)
    moment = moment.replace(microsecond=moment.microsecond // unit * unit)
    fraction = f".{moment.microsecond:06d}"[: digits + 1] if digits else ""
    return moment, f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


@given(st.integers(0, 6), st.lists(moments, min_size=1, max_size=20))
def test_ticks_of_texts(digits, chosen):
    """Each valid time is parsed to the microsecond."""
    times, texts = zip(*(cut(moment, digits) for moment in chosen), strict=True)
    assert ticks_of_texts(texts).tolist() == ticks(times).tolist()


def test_days_that_a_calendar_may_miss():
    """Leap days, ends of months and of the year."""
    days = [
        datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
        for year in (2000, 2024, 2100)
        for day in range(366)
    ]
    assert ticks_of_texts([f"{day:%Y-%m-%d}T00:00:00Z" for day in days]).tolist() == ticks(days).tolist()


@pytest.mark.parametrize("size", [1, 300, 500])
def test_blocks_of_different_forms(size):
    """With and without texts, and with texts of different lengths; few and many."""
    rows = some_rows(0, size)
    wanted = ReadingBlock.of(rows)
    blocks = [
        ReadingBlock(
            wanted.vins,
            wanted.moments,
            wanted.arrivals,
            wanted.signals,
            None if digits is None else [cut(moment, digits)[1] for moment in wanted.moments],
        )
        for digits in (0, 0, 3, None, 6, 0)
    ]
    assert ticks_of_blocks(blocks).tolist() == ticks(wanted.moments).tolist() * len(blocks)


def test_a_signal_that_is_in_some_blocks():
    """A null for the readings of the other blocks."""
    rows = some_rows(0, 2)
    whole = ReadingBlock.of(rows)
    without = ReadingBlock(["OTHER-1", "OTHER-1"], whole.moments, whole.arrivals, [None, *whole.signals[1:]])
    divided = RowParts(whole)
    divided.extend(without)
    columns = ReadingColumns.of(divided)
    assert columns.nulls is not None
    assert columns.nulls.sum(axis=1).tolist() == [2] + [0] * (NUMBER - 1)
    assert [one.soc for one in divided] == [0.0, 1.0, None, None]


def test_a_row_of_the_second_of_two_equal_blocks_is_replaced():
    """One array that came twice in one read: two blocks with the same rows."""
    rows = some_rows(0, 2)
    divided = RowParts()
    for _ in range(2):
        divided.extend(ReadingBlock.of(rows))
    divided[2] = changed = rows[0]._replace(soc=55.5)
    assert [*divided] == [*rows, changed, rows[1]]
