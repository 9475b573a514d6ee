"""The decoder: from bytes to readings, a status or rejections. No clock, no I/O, no exceptions."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.wire.connectivity import Status
from shared.wire.fast_reading import (
    Arrays,
    parse_arrays_fast,
    parse_lone_readings_fast,
    parse_reading_fast,
    parse_readings_fast,
)
from shared.wire.reading import MAX_READINGS, Reading, Row, why_invalid
from shared.wire.reading_block import ReadingBlock
from shared.wire.refusal import Reason, Rejection
from shared.wire.status import VehicleStatus
from shared.wire.strict_json import InvalidJsonError, array_elements, parse_json
from shared.wire.topics import InvalidTopicError, Topic, parse_topic

MAX_PAYLOAD_BYTES = 1024 * 1024


# Number of topics whose parsed form is cached, one or two for each vehicle.
_TOPICS = 65_536


class Decoded(NamedTuple):
    """The contents of one message. All empty for an empty payload, which clears a retained message."""

    rows: Sequence[Row]
    rejections: list[Rejection]
    indexes: Sequence[int] | None = None
    """Index in the message's array of each row; None for a lone object."""
    receipts: str | None = None
    """The topic for the receipt; None where the vehicle requests none."""
    status: VehicleStatus | None = None
    """The vehicle's status; then there are no rows."""


def decode(topic: bytes, payload: bytes, *, received_at: datetime, latest: datetime) -> Decoded:
    """Decode one message; a `ts` after `latest` is rejected."""
    vin, receipts = "", None
    try:
        vin, receipts, is_status = _topic(topic)
        if not payload:
            return Decoded([], [], None, receipts)
        if (
            not is_status
            and (decoded := _decode_fast(payload, vin, received_at, latest, receipts)) is not None
        ):
            return decoded
        message = _Message(topic, payload, received_at, vin)
        if is_status:
            return Decoded([], [], status=_status(message))
        return _decode_strictly(message, latest, receipts)
    except _RefusedError as refused:
        if not payload:
            return Decoded([], [], None, receipts)
        rejection = _Message(topic, payload, received_at, vin).rejection(refused, None, payload)
        return Decoded([], [rejection], None, receipts)


def decode_lone_readings(
    topics: Sequence[bytes], payloads: Sequence[bytes], arrivals: Sequence[datetime], *, latest: datetime
) -> ReadingBlock | None:
    """Decode several messages at once, if each is a usual single reading that requests no receipt.

    Returns the reading of each message, as `decode` does, or None where one of them has to be decoded by
    itself.
    """
    vins = _usual_vins(topics)
    return None if vins is None else parse_lone_readings_fast(payloads, vins, arrivals, latest=latest)


def decode_arrays(
    topics: Sequence[bytes],
    payloads: Sequence[bytes],
    arrivals: Sequence[datetime],
    *,
    latest: datetime,
    most: int,
) -> Arrays | None:
    """Decode several messages at once, if each is a usual array of readings that requests no receipt.

    Returns the readings of the first messages, as `decode` does, up to the one that completes `most`
    readings; None where one of them has to be decoded by itself.
    """
    vins = _usual_vins(topics)
    if vins is None or max(map(len, payloads)) > MAX_PAYLOAD_BYTES:
        return None
    return parse_arrays_fast(payloads, vins, arrivals, latest=latest, most=most)


_VIN_BY_TOPIC: dict[bytes, str] = {}
_BEFORE, _BEHIND = b"vehicles/", b"/telemetry"
_VIN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"


def _usual_vins(topics: Sequence[bytes]) -> Sequence[str] | None:
    """Return the VINs of topics of readings; None where a topic is another one, or requests a receipt.

    All at once, since a wide fleet has more topics than are cached.
    """
    known: list[str | None] = [*map(_VIN_BY_TOPIC.get, topics)]
    if None not in known:
        return known  # type: ignore[return-value]
    cut = [topic[len(_BEFORE) : -len(_BEHIND)] for topic in topics]
    # A VIN holds no line break.
    joined = b"\n".join(cut)
    if (
        b"\n".join([_BEFORE + vin + _BEHIND for vin in cut]) != b"\n".join(topics)
        or joined.translate(None, _VIN_BYTES) != b"\n" * (len(cut) - 1)
        or not 5 <= min(map(len, cut)) <= max(map(len, cut)) <= 40
    ):
        return None
    vins = joined.decode().upper().split("\n")
    if len(_VIN_BY_TOPIC) > _TOPICS:
        _VIN_BY_TOPIC.clear()
    _VIN_BY_TOPIC.update(zip(topics, vins, strict=True))
    return vins


class _Refusal(NamedTuple):
    """The content of a _RefusedError, without its traceback."""

    reason: Reason
    detail: str


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Message:
    __slots__ = ("payload", "received_at", "topic", "vin")

    def __init__(self, topic: bytes, payload: bytes, received_at: datetime, vin: str) -> None:
        self.topic = topic
        self.payload = payload
        self.received_at = received_at
        self.vin = vin

    def rejection(self, why: _RefusedError | _Refusal, index: int | None, payload: bytes) -> Rejection:
        return Rejection(self.vin, self.received_at, why.reason, why.detail, index, self.topic, payload)


@lru_cache(_TOPICS)
def _topic(topic: bytes) -> Topic:
    try:
        return parse_topic(topic.decode("utf-8"))
    except (InvalidTopicError, UnicodeDecodeError):
        raise _RefusedError(
            Reason.BAD_TOPIC, "must be vehicles/{vin}/telemetry, that with /confirm, or vehicles/{vin}/status"
        ) from None


_STATUSES = {status.value.encode(): status for status in Status}


def _status(message: _Message) -> VehicleStatus:
    status = _STATUSES.get(message.payload)
    if status is None:
        raise _RefusedError(Reason.BAD_STATUS, "a status must be online or offline, in these letters")
    return VehicleStatus(message.vin, status, message.received_at)


def _decode_fast(
    payload: bytes, vin: str, received_at: datetime, latest: datetime, receipts: str | None
) -> Decoded | None:
    if payload[0] == ord("{"):
        row = parse_reading_fast(payload, vin, received_at=received_at, latest=latest)
        return None if row is None else Decoded([row], [], None, receipts)
    if len(payload) > MAX_PAYLOAD_BYTES:
        return None
    rows = parse_readings_fast(payload, vin, received_at=received_at, latest=latest)
    return None if rows is None else Decoded(rows, [], range(len(rows)), receipts)


def _decode_strictly(message: _Message, latest: datetime, receipts: str | None) -> Decoded:
    content = _parse(message.payload)
    if not isinstance(content, list):
        row = Row.of(_validate(content, message.vin, latest), message.received_at)
        return Decoded([row], [], None, receipts)
    rows: list[Row] = []
    indexes: list[int] = []
    refusals: dict[int, _Refusal] = {}
    for index, element in enumerate(content):
        try:
            rows.append(Row.of(_validate(element, message.vin, latest), message.received_at))
            indexes.append(index)
        except _RefusedError as refused:
            # Not the error itself: its traceback refers to this frame, and so to the whole array, in a cycle
            # that only the garbage collector would free.
            refusals[index] = _Refusal(refused.reason, refused.detail)
    rejections: list[Rejection] = []
    if refusals:
        # Each rejection keeps only its own element: otherwise 10,000 of them would keep 10,000 arrays.
        for index, element_bytes in enumerate(array_elements(message.payload)):
            if (why := refusals.get(index)) is not None:
                rejections.append(message.rejection(why, index, element_bytes))
    return Decoded(rows, rejections, indexes, receipts)


def _parse(payload: bytes) -> Any:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _RefusedError(Reason.TOO_LARGE, f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are the limit")
    try:
        content = parse_json(payload)
    except InvalidJsonError as broken:
        raise _RefusedError(Reason.BAD_JSON, str(broken)) from None
    if isinstance(content, list) and not content:
        raise _RefusedError(Reason.EMPTY_ARRAY, "the array holds no reading")
    if isinstance(content, list) and len(content) > MAX_READINGS:
        raise _RefusedError(Reason.TOO_MANY, f"{len(content):,} readings; {MAX_READINGS:,} are the limit")
    return content


def _validate(content: Any, vin: str, latest: datetime) -> Reading:
    if isinstance(content, dict) and "vin" not in content:
        content["vin"] = vin
    try:
        reading = Reading.model_validate(content, context=latest)
    except ValidationError as invalid:
        raise _RefusedError(Reason.BAD_READING, why_invalid(invalid)) from None
    if reading.vin != vin:
        raise _RefusedError(Reason.VIN_MISMATCH, "vin: the payload and the topic name different vehicles")
    return reading
