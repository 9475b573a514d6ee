"""A capture of MQTT messages: the lines that `mosquitto_sub -F %j` prints.

Binary payloads are in `payload_hex`, for `-F '{"tst":"%I","topic":"%t","retain":%r,"payload_hex":"%x"}'`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.sources.json_document import element_bytes
from shared.sources.source_time import time_reader
from shared.wire.strict_json import InvalidJsonError, parse_json
from shared.wire.timestamps import InvalidTimestampError

_read_time = time_reader(("iso", "unix_s"), UTC)


class InvalidCaptureError(ValueError):
    """A line of a capture can't be read; the message names its number."""


class Captured(NamedTuple):
    """One message of a capture."""

    topic: str
    payload: bytes
    received_at: datetime
    is_retained: bool


def read_capture(lines: Iterable[bytes], start: datetime) -> Iterator[Captured]:
    """Yield the messages of a capture; `start` is the time of lines without one before them.

    Raises InvalidCaptureError.
    """
    received_at = start
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = parse_json(line)
        except InvalidJsonError as broken:
            raise InvalidCaptureError(f"line {number}: {broken}") from None
        topic = content.get("topic") if isinstance(content, dict) else None
        if not isinstance(topic, str):
            raise InvalidCaptureError(f'line {number}: is no JSON object with "topic" and "payload"')
        if content.get("tst") is not None:
            try:
                received_at = _read_time(_without_z(content["tst"]))
            except InvalidTimestampError as reason:
                raise InvalidCaptureError(f"line {number}: tst: {reason}") from None
        try:
            payload = _payload(content)
        except InvalidCaptureError as reason:
            raise InvalidCaptureError(f"line {number}: {reason}") from None
        yield Captured(topic, payload, received_at, bool(content.get("retain")))


def _without_z(time: Any) -> Any:
    """Return the time without the Z that mosquitto_sub writes before the offset: `...05.123456Z+0100`."""
    return time.replace("Z+", "+").replace("Z-", "-") if isinstance(time, str) else time


def _payload(content: dict[str, Any]) -> bytes:
    """Return the payload; a JSON payload that was not quoted (`%J`) is written again."""
    if "payload_hex" in content:
        try:
            return bytes.fromhex(content["payload_hex"])
        except (TypeError, ValueError):
            raise InvalidCaptureError("payload_hex: is no text of hexadecimal digits") from None
    value = content.get("payload")
    if value is None:
        return b""
    payload = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else element_bytes(value)
    if payload is None:
        raise InvalidCaptureError("payload: holds an object with a repeated key")
    return payload
