"""JSON payloads of foreign devices: parsed fast, and strictly where a key may be repeated."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from shared.sources.raw_number import NO_VALUE
from shared.sources.refused import RefusedError
from shared.wire.decoder import MAX_PAYLOAD_BYTES
from shared.wire.refusal import Reason
from shared.wire.strict_json import InvalidJsonError, parse_json

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode
_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_LONGEST_TEXT = 4_096


def read_document(payload: bytes) -> Any:
    """Parse a payload; an object with a repeated key becomes an AmbiguousObject. Raises RefusedError."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RefusedError(Reason.TOO_LARGE, f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are the limit")
    document = read_usual(payload)
    if document is not None:
        return document
    try:
        return parse_json(payload)
    except InvalidJsonError as broken:
        raise RefusedError(Reason.BAD_JSON, str(broken)) from None


def read_usual_documents(payloads: Sequence[bytes]) -> list[Any]:
    """Parse several payloads as `read_usual` does."""
    try:
        documents = [*map(_decode, payloads)]
        if [*map(_encode, documents)] == payloads:
            return documents
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        pass
    return [*map(read_usual, payloads)]


def read_usual(payload: bytes) -> Any:
    """Parse a payload fast; None for null, and where it may be no JSON document or hold a repeated key."""
    try:
        document = _decode(payload)
        # Written again, a document without a repeated key is the same but for blanks and the form of numbers,
        # and has as many quotation marks; `\u` may hide one.
        again = _encode(document)
        if again == payload or (again.count(b'"') == payload.count(b'"') and b"\\u" not in payload):
            return document
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        pass
    return None


def read_scalar(payload: bytes) -> Any:
    """Return the text of a payload that is one value; a JSON string without its quotation marks."""
    if len(payload) > _LONGEST_TEXT:
        raise RefusedError(
            Reason.TOO_LARGE, f"{len(payload)} bytes; {_LONGEST_TEXT} are the limit of a value"
        )
    text = payload.decode("utf-8", errors="backslashreplace").strip()
    if text.startswith('"'):
        try:
            found = parse_json(payload)
        except InvalidJsonError:
            return text
        return found if isinstance(found, str) else text
    return text


def read_word(document: Any) -> str | None:
    """Return a status as text, None for no value: true and 1 as `true` and `1`."""
    if isinstance(document, bool):
        return "true" if document else "false"
    if isinstance(document, str | int | float):
        text = str(document).strip()
        return None if text.lower() in NO_VALUE else text
    return None


def element_bytes(element: Any) -> bytes | None:
    """Encode one element of an array, None where it can't be: it holds a repeated key or a lone surrogate."""
    try:
        return _encode(element)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
