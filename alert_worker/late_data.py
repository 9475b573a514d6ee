"""Detection of readings and values that arrived late, by counts of the hours that may have changed.

A late reading leaves no trace in the order of `ts`. But values are never changed or deleted by an arrival, so
that the number of readings and values up to some time rises with each late one. Up to `boundary` a vehicle's
number is remembered since the last check; older hours are compared only while they are marked in `open_hours`
or `closing_hours`, as each hour is for at least ten minutes after an arrival.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from shared.wire.reading import SIGNALS

CHECK_EVERY = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_MOST_MARKS = 50

_VALUES = f"1 + num_nonnulls({', '.join(SIGNALS)})"
_NUMBERS = f"""
    SELECT place, marks.hour, numbers.*
    FROM unnest(
        %(vins)s::text[], %(begins)s::timestamptz[], %(boundaries)s::timestamptz[],
        %(next_begins)s::timestamptz[]
    ) WITH ORDINALITY AS wanted (vin, begin, boundary, next_begin, place)
    CROSS JOIN LATERAL (
        SELECT NULL::timestamptz AS hour UNION ALL (
            SELECT hour FROM (
                SELECT hour FROM open_hours WHERE vin = wanted.vin AND hour < wanted.next_begin
                UNION SELECT hour FROM closing_hours WHERE vin = wanted.vin AND hour < wanted.next_begin
            ) AS marked ORDER BY hour DESC LIMIT {_MOST_MARKS}
        )
    ) AS marks
    CROSS JOIN LATERAL (
        SELECT coalesce(sum({_VALUES}), 0)::bigint,
            coalesce(sum({_VALUES}) FILTER (WHERE ts >= wanted.next_begin), 0)::bigint
        FROM telemetry WHERE telemetry.vin = wanted.vin AND ts >= coalesce(marks.hour, wanted.begin)
            AND ts < coalesce(marks.hour + interval '1 hour', wanted.boundary)
    ) AS numbers (number, of_next)
    ORDER BY place, marks.hour NULLS FIRST
"""  # noqa: S608 - of our own columns


@dataclass(slots=True)
class Watched:
    """The range of a vehicle's readings that is watched, and the number of readings and values in it."""

    begin: datetime
    boundary: datetime
    number: int
    checked_at: datetime
    marks: dict[datetime, int] = field(default_factory=dict)
    """Number of each marked hour before `begin`."""

    def settle(self, boundary: datetime, number: int) -> None:
        """Extend the range by readings that a look has seen."""
        if boundary > self.boundary:
            self.boundary = boundary
            self.number += number


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: the range from now on, and the begin of what changed."""

    watched: Watched
    late_from: datetime | None


def check(
    connection: Connection[Any], wanted: Mapping[str, Watched | datetime], now: datetime
) -> dict[str, Checked]:
    """Check vehicles, each with what is watched of it, or with the boundary of a new range."""
    vins = list(wanted)
    begins, boundaries, next_begins = [], [], []
    for one in wanted.values():
        boundary = one if isinstance(one, datetime) else one.boundary
        next_begin = boundary.replace(minute=0, second=0, microsecond=0) - _HOUR
        begins.append(next_begin if isinstance(one, datetime) else one.begin)
        boundaries.append(boundary)
        next_begins.append(next_begin)
    values = {"vins": vins, "begins": begins, "boundaries": boundaries, "next_begins": next_begins}
    rows = connection.execute(_NUMBERS, values, binary=True).fetchall()
    by_place: dict[int, list[Any]] = {}
    for place, *numbers in rows:
        by_place.setdefault(place - 1, []).append(numbers)
    result = {}
    for place, (vin, one) in enumerate(wanted.items()):
        (_, number, of_next), *marked = by_place[place]
        marks = {hour: count for hour, count, _ in marked}
        watched = Watched(next_begins[place], boundaries[place], of_next, now, marks)
        result[vin] = Checked(watched, None if isinstance(one, datetime) else _late_from(one, number, marks))
    return result


def _late_from(before: Watched, number: int, marks: Mapping[datetime, int]) -> datetime | None:
    # Hours from `begin` on are part of the number until the range has moved on.
    changed: Sequence[datetime] = [
        hour for hour, count in marks.items() if hour < before.begin and before.marks.get(hour) != count
    ]
    if number != before.number:
        changed = [*changed, before.begin]
    return min(changed, default=None)
