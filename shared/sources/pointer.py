"""JSON Pointer (RFC 6901) with two additions, compiled to functions.

/Infos/[Type=Vehicle]/SOC    the first element of an array whose `Type` is `Vehicle`
/HV_T_*                      every key of HV_T_ and digits; `*` alone: every element of an array or object

The addition of `*` finds several values, so the mapping has to say with `reduce` which of them is taken.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from shared.wire.strict_json import AmbiguousObject

_CHOICE = re.compile(r"\[([^=\[\]]+)=([^\[\]]*)\]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")

Find = Callable[[Any], Any]
"""Find a value in a document; None where it is null or missing."""


class InvalidPointerError(ValueError):
    """The text is no pointer; the message follows the key's name."""


class AmbiguousPathError(Exception):
    """A value lies in an object with a repeated key."""


class Choice(NamedTuple):
    """A choice of the first element whose key has a value."""

    key: str
    value: str


class Star(NamedTuple):
    """A choice of every key with digits between this beginning and end; without both, of every element."""

    before: str
    after: str


class Pointer(NamedTuple):
    """A parsed pointer."""

    text: str
    tokens: tuple[str | Choice | Star, ...]

    @property
    def has_star(self) -> bool:
        return any(isinstance(token, Star) for token in self.tokens)

    @property
    def parent(self) -> "Pointer":
        """The pointer to the object that holds the last token's value."""
        return Pointer(self.text.rpartition("/")[0], self.tokens[:-1])


def parse_pointer(text: str) -> Pointer:
    """Parse a pointer. Raises InvalidPointerError."""
    if not text:
        return Pointer("", ())
    if not text.startswith("/"):
        raise InvalidPointerError('must be a JSON Pointer, which begins with "/"')
    return Pointer(text, tuple(map(_token, text[1:].split("/"))))


def _token(text: str) -> str | Choice | Star:
    if _BAD_ESCAPE.search(text):
        raise InvalidPointerError('has a "~" that is neither ~0 (for ~) nor ~1 (for /)')
    if text.startswith("["):
        match = _CHOICE.fullmatch(text)
        if match is None:
            raise InvalidPointerError("has a choice that is not of the form [key=value]")
        return Choice(_unescape(match[1]), _unescape(match[2]))
    before, star, after = text.partition("*")
    if "*" in after:
        raise InvalidPointerError('has more than one "*" in one part')
    return Star(_unescape(before), _unescape(after)) if star else _unescape(text)


def _unescape(text: str) -> str:
    return text.replace("~1", "/").replace("~0", "~")


def compile_pointer(pointer: Pointer) -> Find:
    """Return a function that finds one value; the pointer has no star."""
    if not pointer.tokens:
        return lambda document: document
    steps = tuple(map(_step, pointer.tokens))
    if len(steps) == 1:
        return steps[0]

    def find(document: Any) -> Any:
        for step in steps:
            document = step(document)
            if document is None:
                return None
        return document

    *keys, last = pointer.tokens
    if not all(isinstance(key, str) for key in keys):
        return find
    last_step = steps[-1]

    def find_quickly(document: Any) -> Any:
        # The usual case, objects under plain keys, without a call for each; `find` tells other values apart.
        node = document
        try:
            for key in keys:
                node = node[key]
        except (KeyError, TypeError):
            return find(document)
        return node.get(last) if is_key and node.__class__ is dict else last_step(node)

    is_key = isinstance(last, str)
    return find_quickly


def compile_all(pointer: Pointer) -> Callable[[Any], list[Any]]:
    """Return a function that finds every value of a pointer with stars."""
    tokens = pointer.tokens
    # Each step takes the values so far and yields those below.
    steps = [_all_of(token) if isinstance(token, Star) else _each(_step(token)) for token in tokens]

    def find_all(document: Any) -> list[Any]:
        found = [document]
        for step in steps:
            found = [below for value in found for below in step(value)]
        return found

    return find_all


def _each(step: Find) -> Callable[[Any], Iterator[Any]]:
    def below(value: Any) -> Iterator[Any]:
        found = step(value)
        if found is not None:
            yield found

    return below


def _all_of(star: Star) -> Callable[[Any], Iterator[Any]]:
    before, after = star
    # HV_T_MAX and HV_T_MIN stand beside HV_T_1: only digits, or the lowest would count among the highest.
    is_numbered = re.compile(f"{re.escape(before)}[0-9]+{re.escape(after)}").fullmatch
    is_any = not before and not after

    def below(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for key, element in value.items():
                if is_any or is_numbered(key):
                    yield element
        elif isinstance(value, list) and is_any:
            yield from value
        elif isinstance(value, AmbiguousObject):
            raise AmbiguousPathError

    return below


def _step(token: str | Choice | Star) -> Find:
    if isinstance(token, Star):
        raise TypeError("a star finds several values")
    return _choice(token) if isinstance(token, Choice) else _member(token)


def _member(key: str) -> Find:
    index = int(key) if _INDEX.fullmatch(key) else None

    def find(value: Any) -> Any:
        if value.__class__ is dict:
            return value.get(key)
        if isinstance(value, list):
            return value[index] if index is not None and index < len(value) else None
        if isinstance(value, AmbiguousObject):
            raise AmbiguousPathError
        return None

    return find


def _choice(choice: Choice) -> Find:
    key, wanted = choice
    number = int(wanted) if _INDEX.fullmatch(wanted) else None

    def find(value: Any) -> Any:
        if value.__class__ is not list:
            return None
        for element in value:
            if element.__class__ is dict:
                found = element.get(key)
                if found == wanted or (number is not None and found.__class__ is int and found == number):
                    return element
        return None

    return find
