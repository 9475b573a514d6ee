"""The hourly rollup: the same as a count of single readings, and mergeable in any order."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from math import fsum, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.hourly_rollup import FIGURES, SERIES, newest_of_each, start_of_hour, summarise_hours
from shared.storage.tables import telemetry_hourly
from shared.wire.reading import SIGNALS, Row
from tests.examples import examples
from tests.readings import START, row

START_OF_DAY = START.replace(hour=0)
COLUMNS = ["vin", "hour", "samples", *(f"{name}_{figure}" for name in SERIES for figure in FIGURES)]

values = {name: st.none() | st.floats(signal.low, signal.high) for name, signal in SIGNALS.items()}
moments = st.integers(0, 4 * 3_600).map(
    lambda second: START_OF_DAY + timedelta(seconds=second)
) | st.sampled_from([START_OF_DAY + timedelta(hours=1, microseconds=shift) for shift in (-1, 0, 1)])
rows = st.builds(
    Row,
    vin=st.sampled_from(["VIN-00001", "VIN-00002", "VIN-00003"]),
    ts=moments,
    received_at=st.just(START),
    **values,
)
keyed = st.lists(rows, max_size=20, unique_by=lambda one: one[:2])


def in_order(found):
    return sorted(found, key=lambda one: one[:2])


def line_by_line(found):
    return list(zip(*summarise_hours(in_order(found)), strict=True)) if found else []


def lines(found):
    """Return the rollup of rows in any order, as dictionaries by vehicle and hour."""
    summarised = [dict(zip(COLUMNS, line, strict=True)) for line in line_by_line(found)]
    by_key = {(line["vin"], line["hour"]): line for line in summarised}
    assert len(by_key) == len(summarised)
    return by_key


def power(one):
    if one.pack_voltage is None or one.pack_current is None:
        return None
    if min(abs(one.pack_voltage), abs(one.pack_current)) < 1e-100:
        return 0.0
    return one.pack_voltage * one.pack_current / 1000


def naive(found):
    """Compute the same, one value at a time."""
    groups = defaultdict(list)
    for one in found:
        hour = datetime.fromtimestamp(one.ts.timestamp() // 3600 * 3600, UTC)
        groups[one.vin, hour].append(one)
    expected = {}
    for (vin, hour), group in groups.items():
        line = {"vin": vin, "hour": hour, "samples": len(group)}
        for name in SERIES:
            series = [power(one) if name == "power_kw" else getattr(one, name) for one in group]
            present = [value for value in series if value is not None]
            line[f"{name}_n"] = len(present)
            line[f"{name}_min"] = min(present, default=None)
            line[f"{name}_max"] = max(present, default=None)
            line[f"{name}_sum"] = fsum(present)
        expected[vin, hour] = line
    return expected


def agree(found, expected):
    """Assert that counts and extremes are equal, and sums within the precision of doubles."""
    assert found.keys() == expected.keys()
    for key, line in expected.items():
        for name, value in line.items():
            if name.endswith("_sum"):
                assert isclose(found[key][name], value, rel_tol=1e-9, abs_tol=1e-6)
            else:
                assert found[key][name] == value, name


@examples(daily=100, nightly=300)
@given(keyed)
def test_as_if_counted_one_by_one(found):
    """For each vehicle and hour that has readings, and for no other, every figure of every series."""
    agree(lines(found), naive(found))


def added(known, more):
    """Two lines of the same vehicle and hour as the database adds them up."""
    both = dict(known)
    for name in COLUMNS[2:]:
        pair = [line[name] for line in (known, more) if line[name] is not None]
        combine = min if name.endswith("_min") else max if name.endswith("_max") else sum
        both[name] = combine(pair) if pair else None
    return both


@examples(daily=70, nightly=200)
@given(keyed.flatmap(st.permutations), st.lists(st.integers(1, 10), max_size=10))
def test_batches_add_up(shuffled, sizes):
    """In any order and any batches, the merged rollups equal that of one batch."""
    total, left = {}, list(shuffled)
    for size in [*sizes, len(left) or 1]:
        batch, left = left[:size], left[size:]
        for key, line in lines(batch).items():
            total[key] = added(total[key], line) if key in total else line
    agree(total, naive(shuffled))


def test_the_columns_of_the_table():
    """A line has the columns of `telemetry_hourly`, in their order."""
    assert telemetry_hourly.columns.keys() == COLUMNS
    [line] = line_by_line([row()])
    assert len(line) == len(COLUMNS)


def test_nothing():
    """Of no rows none is the newest."""
    assert newest_of_each([]) == []


def test_one_row():
    """A row is its own minimum and maximum; a missing signal has a count and a sum of 0, and no extremes."""
    [line] = lines([row(second=1_800, soc=50.5, pack_voltage=400.0, pack_current=-12.5)]).values()
    assert (line["vin"], line["hour"], line["samples"]) == ("VIN-00001", START, 1)
    assert [line[f"soc_{figure}"] for figure in FIGURES] == [1, 50.5, 50.5, 50.5]
    assert [line[f"power_kw_{figure}"] for figure in FIGURES] == [1, -5.0, -5.0, -5.0]
    assert [line[f"soh_{figure}"] for figure in FIGURES] == [0, None, None, 0]


def test_power_needs_both():
    """Of readings that have one of voltage and current each, there is no power."""
    [line] = lines([row(second=0, pack_voltage=400.0), row(second=1, pack_current=10.0)]).values()
    assert [line[f"power_kw_{figure}"] for figure in FIGURES] == [0, None, None, 0]
    assert (line["samples"], line["pack_voltage_n"], line["pack_current_n"]) == (2, 1, 1)


def test_power_is_not_rounded():
    """Power is summed without rounding: a million rounded values would add up to a wrong sum."""
    [line] = lines([row(pack_voltage=0.123, pack_current=0.456)]).values()
    assert line["power_kw_sum"] == 0.123 * 0.456 / 1000


@pytest.mark.parametrize(
    ("second", "hour"), [(0, 0), (3_599, 0), (3_599.999999, 0), (3_600, 1), (3_600.000001, 1), (7_200, 2)]
)
def test_where_an_hour_ends(second, hour):
    """An hour contains its first moment, and not that of the next hour."""
    found = row()._replace(ts=START + timedelta(seconds=second))
    assert start_of_hour(found.ts) == START + timedelta(hours=hour)
    assert list(lines([found])) == [("VIN-00001", START + timedelta(hours=hour))]


def test_the_same_hour_of_two_vehicles():
    """The two stay separate, as do two days with the same hour, or two hours with a gap between."""
    seconds = [0, 3_599, 3 * 3_600, 24 * 3_600]
    found = lines([row(vin, second, soc=1.0) for vin in ("VIN-00001", "VIN-00002") for second in seconds])
    assert [
        (vin, (hour - START) // timedelta(hours=1), line["samples"]) for (vin, hour), line in found.items()
    ] == [
        (vin, hour, samples)
        for vin in ("VIN-00001", "VIN-00002")
        for hour, samples in ((0, 2), (3, 1), (24, 1))
    ]


@pytest.mark.parametrize("currents", [(-0.0,), (0.0, -0.0), (-0.0, 0.0)])
def test_a_negative_zero(currents):
    """A negative zero is a zero, as a value, as an extreme and in a sum."""
    found = [row(second=n, pack_current=current, pack_voltage=1.0) for n, current in enumerate(currents)]
    [line] = lines(found).values()
    for name in ("pack_current", "power_kw"):
        assert [line[f"{name}_{figure}"] for figure in FIGURES] == [len(currents), 0, 0, 0]


@examples(daily=50, nightly=100)
@given(keyed)
def test_the_newest_of_each(found):
    """Of each vehicle the one with the last ts."""
    newest = newest_of_each(in_order(found))
    assert {one.vin: one for one in newest} == {one.vin: one for one in in_order(found)}
    assert [one.vin for one in newest] == sorted({one.vin for one in found})
