"""A capture of MQTT messages: the lines that `mosquitto_sub -F %j` prints.

JSON has no bytes: a binary payload, such as Sparkplug's, is written as `payload_hex`, which
`mosquitto_sub -F '{"topic":"%t","payload_hex":"%x"}'` prints.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.sources.json_document import element_bytes
from shared.sources.source_time import time_reader
from shared.wire.strict_json import InvalidJsonError, parse_json
from shared.wire.timestamps import InvalidTimestampError

_REPEATED = "payload: holds an object with a repeated key"

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
        is_hex = "payload_hex" in content
        payload = _hex(content["payload_hex"]) if is_hex else _payload(content.get("payload"))
        if payload is None:
            wrong = "payload_hex: is no hexadecimal text" if is_hex else _REPEATED
            raise InvalidCaptureError(f"line {number}: {wrong}")
        yield Captured(topic, payload, received_at, bool(content.get("retain")))


def _without_z(time: Any) -> Any:
    """Return the time without the Z that mosquitto_sub writes before the offset: `...05.123456Z+0100`."""
    return time.replace("Z+", "+").replace("Z-", "-") if isinstance(time, str) else time


def _hex(value: Any) -> bytes | None:
    """Return the bytes of hexadecimal digits; None where the value is something else."""
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        return None


def _payload(value: Any) -> bytes | None:
    """Return the payload; a JSON payload that was not quoted (`%J`) is written again."""
    if value is None:
        return b""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else element_bytes(value)
