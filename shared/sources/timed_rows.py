"""Rows from values that each have a time of their own, and the refusal of a reading out of range."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from shared.sources.message_plan import NAMES, TimedValue, in_range
from shared.sources.refused import RefusedError
from shared.sources.signal_reader import BadValueError
from shared.sources.source_time import ReadTime, read_moment
from shared.wire.reading import Reading, Row, why_invalid
from shared.wire.refusal import Reason
from shared.wire.timestamps import EARLIEST, InvalidTimestampError, format_timestamp

_new = tuple.__new__


class Arrival(NamedTuple):
    """The vehicle of a message, its arrival, and the latest time that a reading may have."""

    vin: str
    received_at: datetime
    latest: datetime


def timed_rows(
    found: Sequence[TimedValue | BadValueError], read_time: ReadTime, arrival: Arrival
) -> tuple[list[Row], RefusedError | None]:
    """Return a row for each time, and the refusal of the values that can't be stored, None without any."""
    refusals: list[RefusedError] = []
    by_time: dict[datetime, list[float | None]] = {}
    for value in found:
        if isinstance(value, BadValueError):
            refusals.append(RefusedError(Reason.BAD_VALUE, str(value)))
            continue
        name = NAMES[value.signal]
        try:
            ts, reason = read_moment(value.time, read_time), "is missing"
        except InvalidTimestampError as error:
            ts, reason = None, str(error)
        if ts is None:
            refusals.append(RefusedError(Reason.BAD_READING, f"ts of {name}: {reason}"))
            continue
        values = by_time.setdefault(ts, [None] * len(NAMES))
        present = values[value.signal]
        if present is not None and present != value.number:
            # Which of the two is right can't be known; the first one stays.
            refusals.append(RefusedError(Reason.BAD_READING, f"{name}: has two values of one time"))
        else:
            values[value.signal] = value.number
    rows = []
    for ts in sorted(by_time):
        try:
            rows.append(_row(ts, by_time[ts], arrival))
        except RefusedError as refused:
            refusals.append(refused.with_traceback(None))
    if not refusals:
        return rows, None
    return rows, RefusedError(refusals[0].reason, "; ".join(refused.detail for refused in refusals))


def refuse_out_of_range(
    vin: str, values: Sequence[float | None], ts: datetime, latest: datetime | None
) -> None:
    """Raise RefusedError where the reading is out of range, in the words of a native one."""
    content = {"vin": vin, "ts": format_timestamp(ts), **dict(zip(NAMES, values, strict=True))}
    try:
        Reading.model_validate(content, context=latest)
    except ValidationError as invalid:
        raise RefusedError(Reason.BAD_READING, why_invalid(invalid)) from None


def _row(ts: datetime, values: Sequence[float | None], arrival: Arrival) -> Row:
    if not in_range(values) or not EARLIEST <= ts <= arrival.latest:
        refuse_out_of_range(arrival.vin, values, ts, arrival.latest)
    return _new(Row, (arrival.vin, ts, arrival.received_at, *values))
