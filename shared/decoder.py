"""Bytes in; readings, a status, or rejections out. Pure: no clock, no I/O, no exception for any bytes."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.connectivity import Status
from shared.rejections import Reason, Rejection
from shared.statuses import VehicleStatus
from shared.strict_json import InvalidJsonError, array_elements, parse_json
from shared.telemetry import MAX_READINGS, Reading, Row, why_invalid
from shared.topics import InvalidTopicError, Topic, parse_topic
from shared.usual_reading import usual_reading, usual_readings

MAX_PAYLOAD_BYTES = 1024 * 1024


# Vehicles whose topic is remembered; it is read once, not with each message.
_TOPICS = 65_536


class Decoded(NamedTuple):
    """What one message held. Nothing at all: an empty payload, which clears a retained message."""

    rows: list[Row]
    rejections: list[Rejection]
    indexes: Sequence[int] | None = None
    """Where each of the rows stood in the message's array; None for a lone object."""
    receipts: str | None = None
    """The topic on which the vehicle wants an answer to this message, if it does."""
    status: VehicleStatus | None = None
    """What the vehicle said of itself; then there are no rows."""


def decode(topic: bytes, payload: bytes, *, received_at: datetime, latest: datetime) -> Decoded:
    """Sort one message into what it holds; `latest` is the last moment a `ts` may name."""
    message = _Message(topic, payload, received_at)
    receipts = None
    try:
        message.vin, receipts, is_status = _topic(topic)
        if not payload:
            return Decoded([], [], None, receipts)
        if is_status:
            return Decoded([], [], status=_status(message))
        return _decode_usual(message, latest, receipts) or _decode_strictly(message, latest, receipts)
    except _RefusedError as refused:
        return Decoded([], [message.rejection(refused, None, payload)] if payload else [], None, receipts)


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Message:
    __slots__ = ("payload", "received_at", "topic", "vin")

    def __init__(self, topic: bytes, payload: bytes, received_at: datetime) -> None:
        self.topic = topic
        self.payload = payload
        self.received_at = received_at
        self.vin = ""

    def rejection(self, why: _RefusedError, index: int | None, payload: bytes) -> Rejection:
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


def _decode_usual(message: _Message, latest: datetime, receipts: str | None) -> Decoded | None:
    payload, received_at = message.payload, message.received_at
    if payload[0] == ord("{"):
        row = usual_reading(payload, message.vin, received_at=received_at, latest=latest)
        return None if row is None else Decoded([row], [], None, receipts)
    if len(payload) > MAX_PAYLOAD_BYTES:
        return None
    rows = usual_readings(payload, message.vin, received_at=received_at, latest=latest)
    return None if rows is None else Decoded(rows, [], range(len(rows)), receipts)


def _decode_strictly(message: _Message, latest: datetime, receipts: str | None) -> Decoded:
    content = _content(message.payload)
    if not isinstance(content, list):
        row = Row.of(_read(content, message.vin, latest), message.received_at)
        return Decoded([row], [], None, receipts)
    rows: list[Row] = []
    indexes: list[int] = []
    refusals: dict[int, _RefusedError] = {}
    for index, element in enumerate(content):
        try:
            rows.append(Row.of(_read(element, message.vin, latest), message.received_at))
            indexes.append(index)
        except _RefusedError as refused:
            refusals[index] = refused
    rejections: list[Rejection] = []
    if refusals:
        # A rejection keeps its own element only: 10,000 bad ones would keep the whole array 10,000 times.
        for index, element_bytes in enumerate(array_elements(message.payload)):
            if (why := refusals.get(index)) is not None:
                rejections.append(message.rejection(why, index, element_bytes))
    return Decoded(rows, rejections, indexes, receipts)


def _content(payload: bytes) -> Any:
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


def _read(content: Any, vin: str, latest: datetime) -> Reading:
    if isinstance(content, dict) and "vin" not in content:
        content["vin"] = vin
    try:
        reading = Reading.model_validate(content, context=latest)
    except ValidationError as invalid:
        raise _RefusedError(Reason.BAD_READING, why_invalid(invalid)) from None
    if reading.vin != vin:
        raise _RefusedError(Reason.VIN_MISMATCH, "vin: the payload and the topic name different vehicles")
    return reading
