"""Bytes in; readings, or rejections, out. Pure: no clock, no I/O, and no exception for any bytes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.rejections import Reason, Rejection
from shared.strict_json import InvalidJsonError, array_elements, parse_json
from shared.telemetry import MAX_READINGS, Reading, why_invalid
from shared.topics import InvalidTopicError, TelemetryTopic, parse_telemetry_topic

MAX_PAYLOAD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A reading, and where in its message it stood: None for a lone object."""

    index: int | None
    reading: Reading


class Decoded(NamedTuple):
    """What one message held. Both empty: an empty payload, which clears a retained message."""

    readings: list[Place]
    rejections: list[Rejection]
    receipts: str | None = None
    """The topic on which the vehicle wants an answer to this message, if it does."""


def decode(topic: bytes, payload: bytes, *, received_at: datetime, latest: datetime) -> Decoded:
    """Sort one message into readings and rejections; `latest` is the last moment a `ts` may name."""
    message = _Message(topic, payload, received_at)
    receipts = None
    try:
        message.vin, receipts = _topic(topic)
        if not payload:
            return Decoded([], [], receipts)
        content = _content(payload)
        if isinstance(content, list):
            return Decoded(*_decode_array(message, content, latest), receipts)
        return Decoded([Place(None, _read(content, message.vin, latest))], [], receipts)
    except _RefusedError as refused:
        return Decoded([], [message.rejection(refused, None, payload)] if payload else [], receipts)


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Message:
    def __init__(self, topic: bytes, payload: bytes, received_at: datetime) -> None:
        self.topic = topic
        self.payload = payload
        self.received_at = received_at
        self.vin = ""

    def rejection(self, why: _RefusedError, index: int | None, payload: bytes) -> Rejection:
        return Rejection(self.vin, self.received_at, why.reason, why.detail, index, self.topic, payload)


def _topic(topic: bytes) -> TelemetryTopic:
    try:
        return parse_telemetry_topic(topic.decode("utf-8"))
    except (InvalidTopicError, UnicodeDecodeError):
        raise _RefusedError(
            Reason.BAD_TOPIC, "must be vehicles/{vin}/telemetry, or that with /confirm"
        ) from None


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
        raise _RefusedError(Reason.TOO_MANY, f"{len(content)} readings; {MAX_READINGS} are the limit")
    return content


def _decode_array(
    message: _Message, content: list[Any], latest: datetime
) -> tuple[list[Place], list[Rejection]]:
    readings: list[Place] = []
    rejections: list[Rejection] = []
    refusals: dict[int, _RefusedError] = {}
    for index, element in enumerate(content):
        try:
            readings.append(Place(index, _read(element, message.vin, latest)))
        except _RefusedError as refused:
            refusals[index] = refused
    if refusals:
        # A rejection keeps its own element only: 10,000 bad ones would keep the whole array 10,000 times.
        for index, element_bytes in enumerate(array_elements(message.payload)):
            if (why := refusals.get(index)) is not None:
                rejections.append(message.rejection(why, index, element_bytes))
    return readings, rejections


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
