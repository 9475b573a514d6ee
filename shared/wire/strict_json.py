"""JSON as RFC 8259 has it, for both doors: UTF-8, no NaN, one document, and no key twice unnoticed."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn


class InvalidJsonError(ValueError):
    """The bytes are not one JSON document; the message says why, without repeating them."""


class AmbiguousObject:
    """Stands for an object that names a key twice: JSON allows it, but nobody knows which was meant."""


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | AmbiguousObject:
    found = dict(pairs)
    return found if len(found) == len(pairs) else AmbiguousObject()


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)


def parse_json(payload: bytes) -> Any:
    """The value that the bytes hold; an object with a key twice becomes an AmbiguousObject.

    Raises InvalidJsonError and nothing else, whatever the bytes are.
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


_SIGN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)


def array_elements(payload: bytes) -> Iterator[bytes]:
    """The bytes of each element of a JSON array that `parse_json` has accepted, as they were sent.

    Counts brackets rather than parse again: what was just within the parser's depth may be beyond it here.
    """
    text = payload.decode("utf-8")
    depth = start = 0
    for sign in _SIGN.finditer(text):
        ends_element = depth == 1 and sign[0] in {",", "]"}
        if ends_element and (element := text[start : sign.start()].strip(" \t\r\n")):
            yield element.encode("utf-8")
        if sign[0] in {"[", "{"}:
            depth += 1
        elif sign[0] in {"]", "}"}:
            depth -= 1
        if ends_element or (depth == 1 and not start):
            start = sign.end()
