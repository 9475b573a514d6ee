"""Readings as columns against loops over their rows, and their bytes against those of psycopg."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from math import isnan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import adapters
from psycopg._copy_base import BinaryFormatter
from psycopg.adapt import Transformer
from psycopg.pq import Format

from shared.storage import binary_format
from shared.storage.binary_format import DOUBLE, TEXT, TIME
from shared.storage.latest_signals import VALUE_TS
from shared.storage.reading_columns import EqualKeysError, ReadingColumns
from shared.storage.same_moment import KEY
from shared.wire.reading import FIRST_SIGNAL, SIGNALS, Row
from tests.examples import examples
from tests.readings import at, row

MANY = examples(daily=50, nightly=1_500)
TYPES = [TEXT, TIME, TIME, *[DOUBLE] * len(SIGNALS)]
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

vins = st.sampled_from(
    ["VIN-00001", "VIN-00002", "VIN-000001", "\u00c9\u4e2d\U0001f50b", "VIN-0000\0", ""]
) | st.builds(lambda letter, length: letter * length, st.sampled_from("AZ09-"), st.integers(5, 40))
# Of three hours, of the last day before 2000, of any time.
times = st.builds(
    lambda second, microsecond: EPOCH + timedelta(seconds=second, microseconds=microsecond),
    st.integers(822_000_000, 822_000_000 + 3 * 3_600)
    | st.integers(-86_400, 0)
    | st.integers(-60_000_000_000, (FAR - EPOCH) // timedelta(seconds=1)),
    st.sampled_from([0, 0, 0, 1, 999_999]),
) | st.sampled_from([at(0), at(0).astimezone(timezone(timedelta(hours=-5))), EPOCH, FAR])
value = st.none() | st.sampled_from([-3000.0, 0.0, -0.0, 5e-324, 6000.0, float("nan")]) | st.floats()
anything = st.builds(Row, vins, times, times, *[value] * len(SIGNALS))
# Whole readings of VINs of one length: no byte is left out of the table.
whole = st.builds(
    Row, st.sampled_from(["VIN-00001", "VIN-00002"]), times, times, *[st.floats(0, 100)] * len(SIGNALS)
)
batches = st.lists(anything, min_size=1, max_size=5) | st.lists(whole, min_size=1, max_size=5)


def by_psycopg(rows):
    """Return the input of a binary COPY that psycopg makes."""
    transformer = Transformer()
    transformer.set_dumper_types(TYPES, Format.BINARY)
    formatter = BinaryFormatter(transformer)
    return b"".join([*(formatter.write_row(one) for one in rows), formatter.end()])


def read(column):
    """Return the values of a column, None for a null, read from its array by psycopg."""
    oid = adapters.types[column.type].array_oid
    return Transformer().get_loader(oid, Format.BINARY).load(binary_format.array(column))


def in_order(rows):
    """Return the first row of each key, in the order of (vin, ts)."""
    found = {}
    for one in rows:
        found.setdefault(KEY(one), one)
    return sorted(found.values(), key=KEY)


def hours(rows):
    """Return the vehicle and the hour of each row in UTC, each pair once."""
    pairs = {(one.vin, one.ts.astimezone(UTC).replace(minute=0, second=0, microsecond=0)) for one in rows}
    return sorted(pairs)


def latest(rows):
    """Return the rows of `vehicle_latest`, all columns included."""
    found = []
    for vin, of_vehicle in groupby(rows, key=lambda one: one.vin):
        readings = list(of_vehicle)
        newest, signals, ages = readings[-1], [None] * len(SIGNALS), [None] * len(SIGNALS)
        for one in readings:
            for index, value in enumerate(one[FIRST_SIGNAL:]):
                if value is not None:
                    signals[index], ages[index] = value, one.ts if one is not newest else None
        found.append((vin, newest.ts, max(one.received_at for one in readings), *signals, *ages))
    return found


def same(value):
    """Return a form of nested values in which a NaN equals a NaN, and -0.0 is not 0.0."""
    if isinstance(value, list | tuple):
        return [same(one) for one in value]
    if isinstance(value, float):
        return "nan" if isnan(value) else repr(value)
    return value


def shuffled(rows):
    """Return a strategy of these rows, of each key the first one, in any order."""
    return st.permutations(in_order(rows))


@MANY
@given(batches.flatmap(shuffled))
@example([row(soc=-0.0, odo_km=5e-324), row("VIN-000001", 1, pack_voltage=6000.0)])
@example([row(vin="B" * 40), row(vin="AAAAA", second=1), row(vin="AAAAA")])
def test_a_copy_has_the_bytes_of_psycopg(rows):
    """Whole readings and others, VINs of one length and of several, in the order of the key."""
    assert binary_format.copy_input(ReadingColumns.of(rows).packed()) == by_psycopg(sorted(rows, key=KEY))


@MANY
@given(batches.flatmap(shuffled))
def test_arrays_hold_the_values(rows):
    """As read by psycopg, nulls included; times are in UTC."""
    columns = [read(column) for column in ReadingColumns.of(rows).packed()]
    assert same([*zip(*columns, strict=True)]) == same(sorted(rows, key=KEY))


@MANY
@given(batches.flatmap(lambda rows: st.permutations(rows + rows[:2])))
def test_equal_keys(rows):
    """Found wherever they stand."""
    with pytest.raises(EqualKeysError):
        ReadingColumns.of(rows)


@MANY
@given(batches.flatmap(shuffled))
@example([row(second=0, soc=1.0), row(second=1, soh=2.0), row("VIN-00002", 5, soc=3.0)])
def test_what_follows(rows):
    """The marks of hours and the latest signals, as loops over the rows find them."""
    ordered = in_order(rows)
    columns = ReadingColumns.of(rows)
    assert [*zip(*map(read, columns.hours()[0]), strict=True)] == hours(ordered)
    found = [*map(read, columns.latest())]
    marked, vehicles = columns.hours()
    assert read(marked[0]) == [found[0][vehicle] for vehicle in vehicles]
    expected = latest(ordered)
    if len(found) == FIRST_SIGNAL + len(SIGNALS):
        newest = {one.vin: one for one in ordered}.values()
        assert not any(None in one for one in newest)
        found += [[None] * len(expected)] * len(VALUE_TS)
    assert same([*zip(*found, strict=True)]) == same(expected)


def test_a_surrogate_is_refused():
    """As psycopg refuses it: the text has no bytes in UTF-8."""
    bad = [row(), row()._replace(vin="VIN-0000\ud800")]
    for pack in (by_psycopg, lambda rows: ReadingColumns.of(rows).packed()):
        with pytest.raises(UnicodeEncodeError):
            pack(bad)


def test_readings_of_many_vehicles_and_hours():
    """More than a few: each reading keeps its values through sorting."""
    rows = [row(f"VIN-{n * 7 % 100:05}", n * 977 % 86_400, soc=n / 100) for n in range(5_000)]
    rows = in_order(rows)
    columns = ReadingColumns.of(rows[::-1])
    assert binary_format.copy_input(columns.packed()) == by_psycopg(rows)
    assert [*zip(*map(read, columns.hours()[0]), strict=True)] == hours(rows)
