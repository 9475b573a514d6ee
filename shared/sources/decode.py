"""The decoder of mapped messages: from bytes to readings, values without a time, a status or rejections.

No clock, no I/O, no exceptions: the counterpart of `shared.wire.decoder` for the topics of a mapping file.
Usual messages take a short way here; `MappedMessage` decodes all others, and names the fault of a wrong one.
"""

from datetime import datetime
from math import isfinite
from typing import Any

from shared.sources.json_document import read_document
from shared.sources.mapped import Mapped, Values
from shared.sources.mapped_message import MappedMessage
from shared.sources.message_plan import LoneValue, MessagePlan
from shared.sources.pointer import AmbiguousPathError
from shared.sources.refused import RefusedError
from shared.sources.signal_reader import BadValueError
from shared.sources.sources import TopicMatch
from shared.wire.reading import SIGNALS, Row
from shared.wire.timestamps import EARLIEST, InvalidTimestampError

__all__ = ["Mapped", "Values", "decode_mapped"]

_LONGEST_NUMBER = 64
_new = tuple.__new__


def decode_mapped(
    match: TopicMatch,
    topic: bytes,
    payload: bytes,
    *,
    received_at: datetime,
    latest: datetime,
    is_element: bool = False,
) -> Mapped:
    """Decode one message of a source; a `ts` after `latest` is rejected. Not for Sparkplug's payloads.

    `is_element`: the payload is one element of the source's array, as a rejection with an index keeps it.
    """
    if not payload:
        return Mapped([], [], [])
    plan = match.plan
    if plan is not None and match.vin is not None:
        if plan.lone is not None:
            mapped = _decode_number(match, plan.lone, payload)
        elif plan.is_scalar or match.source.each is not None:
            mapped = None
        else:
            mapped = _decode_object(match, plan, payload, received_at, latest)
        if mapped is not None:
            return mapped
    message = MappedMessage(match, topic, payload, received_at, latest)
    try:
        if match.is_status:
            rule = match.source.status
            return Mapped([], [], [], None if rule is None else message.status(rule))
        find_elements = match.source.each
        if find_elements is None or is_element:
            return message.decode_one(message.document())
        return message.decode_each(message.document(), find_elements)
    except RefusedError as refused:
        return Mapped([], [], [message.rejection(refused)])


def _decode_number(match: TopicMatch, lone: LoneValue, payload: bytes) -> Mapped | None:
    """Decode a payload that is the usual number in plain text; None for any other."""
    # float() also takes 1_000.
    if len(payload) > _LONGEST_NUMBER or b"_" in payload:
        return None
    try:
        number = float(payload)
    except ValueError:
        return None
    if not isfinite(number):
        return None
    before, convert, low, high, after = lone
    if convert is not None:
        number = convert(number)
    if not low <= number <= high:
        return None
    return _new(
        Mapped, ([], [_new(Values, (match.vin, (*before, number, *after), match.source))], [], None, None)
    )


def _decode_object(
    match: TopicMatch, plan: MessagePlan, payload: bytes, received_at: datetime, latest: datetime
) -> Mapped | None:
    """Decode a JSON document without a fault; None for any other."""
    source = match.source
    try:
        document = read_document(payload)
        if source.vehicle_at is not None and source.vehicle_at(document) != match.vehicle:
            return None
        if plan.form is not None:
            rows = _timed_rows(match, plan, document, received_at, latest)
        elif source.time is not None:
            rows = _rows(match, plan, document, received_at, latest)
        else:
            return _values(match, plan, document)
    except (RefusedError, BadValueError, AmbiguousPathError, InvalidTimestampError):
        return None
    return None if rows is None else _new(Mapped, (rows, [], [], None, None))


def _values(match: TopicMatch, plan: MessagePlan, document: Any) -> Mapped | None:
    found = plan.read(document)
    if found is None:
        return Mapped([], [], [])
    values, is_in_range = found
    if not is_in_range:
        return None
    return _new(Mapped, ([], [_new(Values, (match.vin, tuple(values), match.source))], [], None, None))


def _rows(
    match: TopicMatch, plan: MessagePlan, document: Any, received_at: datetime, latest: datetime
) -> list[Row] | None:
    found, time = plan.read(document), match.source.time
    if found is None or time is None:
        return []
    values, is_in_range = found
    ts = time.read(time.find(document))
    if not is_in_range or not EARLIEST <= ts <= latest:
        return None
    return [_new(Row, (match.vin, ts, received_at, *values))]


def _timed_rows(
    match: TopicMatch, plan: MessagePlan, document: Any, received_at: datetime, latest: datetime
) -> list[Row] | None:
    """Return the rows of values with times of their own; None where one has a fault."""
    form = plan.form
    by_time: dict[datetime, list[float | None]] = {}
    for value in plan.read_timed(document):
        if isinstance(value, BadValueError) or form is None:
            return None
        signal, number, time, is_in_range = value
        ts = form.read_time(time)
        if not is_in_range or not EARLIEST <= ts <= latest:
            return None
        values = by_time.get(ts)
        if values is None:
            values = by_time[ts] = [None] * len(SIGNALS)
        values[signal] = number
    return [_new(Row, (match.vin, ts, received_at, *by_time[ts])) for ts in sorted(by_time)]
