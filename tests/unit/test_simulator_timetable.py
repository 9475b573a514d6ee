from datetime import UTC, datetime, timedelta

import pytest

from scripts.simulator.timetable import FutureReadingsError, Timetable, latest_start, rfc3339

NOON = datetime(2026, 1, 24, 12, tzinfo=UTC)


def test_vehicles_take_turns_within_each_period():
    """100 vehicles at 1 Hz leave one every 10 ms, and keep to it without drift."""
    table = Timetable(NOON, 100, 1, 60, 1)
    assert table.count == 60
    assert table.due_s(0, 1) == pytest.approx(0.01)
    assert table.due_s(59, 99) == pytest.approx(59.99)


def test_speedup_stretches_the_time_of_the_readings_only():
    """At 60 times the pace, readings leave each second and lie a minute apart."""
    table = Timetable(NOON, 1, 1, 60, 60)
    assert table.due_s(2, 0) == 2
    assert table.ts(2) == "2026-01-24T12:02:00.000Z"


def test_speedup_0_is_at_once_and_in_simulated_time():
    """Everything is due now; rate and duration are in simulated seconds."""
    table = Timetable(NOON, 5, 0.1, 600, 0)
    assert table.count == 60
    assert table.due_s(59, 4) == 0
    assert table.ts(1) == "2026-01-24T12:00:10.000Z"


def test_times_have_microseconds_only_where_needed():
    """Three readings a second need them, and don't drift from the whole second."""
    table = Timetable(NOON, 1, 3, 60, 1)
    assert table.ts(1) == "2026-01-24T12:00:00.333333Z"
    assert table.ts(3) == "2026-01-24T12:00:01.000Z"


def test_times_are_written_in_utc():
    """A start with another offset means the same moment."""
    assert rfc3339(datetime.fromisoformat("2026-01-24T13:00:00+01:00")) == "2026-01-24T12:00:00.000Z"


@pytest.mark.parametrize(("duration", "speedup"), [(60, 1), (3600, 0.5), (60, 3600), (86_400, 0)])
def test_default_start_keeps_readings_out_of_the_future(duration, speedup):
    """With any speedup, no reading is ahead of the clock when it is published."""
    start = latest_start(NOON, duration, speedup)
    table = Timetable(start, 2, 1, duration, speedup)
    table.check_not_ahead(NOON)
    last = start + timedelta(seconds=(table.count - 1) * table.step_s)
    assert last <= NOON + timedelta(seconds=table.due_s(table.count - 1, 0))


@pytest.mark.parametrize(
    ("start", "duration", "speedup"),
    [(NOON + timedelta(seconds=61), 60, 1), (NOON, 120, 2), (NOON, 120, 0)],
)
def test_readings_ahead_of_the_clock_are_refused(start, duration, speedup):
    """Over a minute ahead is refused before anything is sent."""
    with pytest.raises(FutureReadingsError, match="ahead of the clock"):
        Timetable(start, 1, 1, duration, speedup).check_not_ahead(NOON)


def test_starting_now_may_go_on_for_long():
    """At the real pace the clock moves along: a day from now on is fine."""
    Timetable(NOON, 1, 1, 86_400, 1).check_not_ahead(NOON)
