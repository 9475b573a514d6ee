"""A JSON parser by RFC 8259, for MQTT and HTTP: UTF-8, no NaN, one document, repeated keys detected."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn


class InvalidJsonError(ValueError):
    """The bytes are not one JSON document; the message gives the reason without repeating the bytes."""


class AmbiguousObject:
    """An object with a repeated key, which JSON allows: the sender's intended value can't be known."""


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | AmbiguousObject:
    found = dict(pairs)
    return found if len(found) == len(pairs) else AmbiguousObject()


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)


def parse_json(payload: bytes) -> Any:
    """Parse the bytes; an object with a repeated key becomes an AmbiguousObject.

    Raises InvalidJsonError, and no other exception for any bytes.
    """
    try:
        # json.loads would guess the encoding of bytes, UTF-16 included.
        return _DECODER.decode(payload.decode("utf-8"))
    except UnicodeDecodeError as broken:
        raise InvalidJsonError(f"is not UTF-8 (byte {broken.start})") from None
    except RecursionError:
        raise InvalidJsonError("is nested too deeply") from None
    except json.JSONDecodeError as broken:
        raise InvalidJsonError(f"{broken.msg} (line {broken.lineno}, column {broken.colno})") from None
    except InvalidJsonError:
        raise
    except ValueError:
        # Python refuses integers of more than 4,300 digits.
        raise InvalidJsonError("holds a number with too many digits") from None


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)


def array_elements(payload: bytes) -> Iterator[bytes]:
    """Yield the bytes, as sent, of each element of a JSON array that `parse_json` has accepted.

    Counts brackets instead of parsing again: from a deeper stack, a payload that was just within the parser's
    recursion limit may exceed it.
    """
    text = payload.decode("utf-8")
    depth = start = 0
    for token in _TOKEN.finditer(text):
        ends_element = depth == 1 and token[0] in {",", "]"}
        if ends_element and (element := text[start : token.start()].strip(" \t\r\n")):
            yield element.encode("utf-8")
        if token[0] in {"[", "{"}:
            depth += 1
        elif token[0] in {"]", "}"}:
            depth -= 1
        if ends_element or (depth == 1 and not start):
            start = token.end()
