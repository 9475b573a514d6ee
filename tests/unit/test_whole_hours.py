"""A window cut into whole hours and two ends: every moment of it is in exactly one of the three."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.db.whole_hours import WholeHours
from shared.storage.hourly_rollup import HOUR, start_of_hour
from tests.examples import examples
from tests.readings import START, at

TICK, DAY = timedelta(microseconds=1), timedelta(days=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def shifted(moment, shift):
    """Shift a moment, or return the nearest one that a calendar holds."""
    since = moment - FIRST + shift
    return FIRST + min(max(since, timedelta()), LAST - FIRST)


anywhere = st.datetimes(timezones=st.just(UTC))
nearby = st.integers(0, 6 * 3_600_000_000).map(lambda n: START + n * TICK)
at_bounds = st.builds(
    shifted, (anywhere | nearby).map(start_of_hour), st.sampled_from([-TICK, timedelta(), TICK])
)
moments = anywhere | nearby | at_bounds | st.sampled_from([FIRST, LAST])
windows = st.tuples(moments, moments).map(sorted)


@examples(daily=60, nightly=500)
@given(windows, st.lists(moments, max_size=20))
@example([FIRST, LAST], [])
@example([LAST, LAST], [])
@example([FIRST, FIRST], [])
@example([start_of_hour(LAST), LAST], [])
@example([FIRST + TICK, FIRST + HOUR], [])
def test_every_moment_is_in_one_part(window, others):
    """A moment of the window lies in its first end, in a whole hour or in its last end; any other in none."""
    from_ts, to_ts = window
    first, last = WholeHours.between(from_ts, to_ts)
    bounds = [shifted(bound, shift) for bound in (*window, first, last) for shift in (-TICK, -TICK * 0, TICK)]
    for moment in (*bounds, *others):
        parts = [
            from_ts <= moment < first,
            # As in the rollups: the hours whose start is in [first, last).
            first <= start_of_hour(moment) < last,
            last <= moment <= to_ts,
        ]
        assert sum(parts) == (from_ts <= moment <= to_ts), moment


@examples(daily=60, nightly=500)
@given(windows)
@example([FIRST, LAST])
@example([start_of_hour(LAST), LAST])
def test_the_hours_are_whole_and_as_many_as_there_are(window):
    """The hours begin and end on the hour, inside the window, and either end is shorter than an hour."""
    from_ts, to_ts = window
    first, last = WholeHours.between(from_ts, to_ts)
    assert from_ts <= first <= last <= to_ts
    if first == last:
        assert first == from_ts
        # Before the first full hour, and after the last, there is less than one.
        assert to_ts - from_ts < 2 * HOUR
        assert to_ts - start_of_hour(from_ts) < 2 * HOUR
        return
    assert [start_of_hour(first), start_of_hour(last)] == [first, last]
    assert first - from_ts < HOUR
    assert to_ts - last < HOUR


@pytest.mark.parametrize(
    ("from_ts", "to_ts", "whole"),
    [
        (at(0), at(3_600), (at(0), at(3_600))),
        (at(0), at(3_600) - TICK, (at(0), at(0))),
        (at(0), at(0), (at(0), at(0))),
        (at(0) + TICK, at(7_199), (at(0) + TICK, at(0) + TICK)),
        (at(0) + TICK, at(7_200), (at(3_600), at(7_200))),
        (at(0) - TICK, at(3_600), (at(0), at(3_600))),
        (at(3_599), at(3_600), (at(3_599), at(3_599))),
        (at(1_800), at(26 * 3_600 + 5), (at(3_600), at(26 * 3_600))),
        (FIRST, LAST, (FIRST, start_of_hour(LAST))),
        (LAST, LAST, (LAST, LAST)),
    ],
)
def test_by_hand(from_ts, to_ts, whole):
    """Bounds of windows that were worked out by hand."""
    assert WholeHours.between(from_ts, to_ts) == whole


@examples(daily=60, nightly=500)
@given(windows)
@example([FIRST, LAST])
@example([LAST, LAST])
def test_the_days_are_whole_and_as_many_as_there_are(window):
    """The days begin and end at midnight, among the hours; at either end less than a day of hours is left."""
    hours = WholeHours.between(*window)
    first, last = hours.days
    assert hours.first <= first <= last <= hours.last
    if first == last:
        assert first == hours.first
        assert hours.last - hours.first < 2 * DAY
        return
    assert [moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (first, last)] == [
        first,
        last,
    ]
    assert first - hours.first < DAY
    assert hours.last - last < DAY
