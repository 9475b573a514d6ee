"""A number as devices send it: JSON number, number in a string, or one of the words for "no value"."""

from math import inf, isfinite
from typing import Any

NO_VALUE = frozenset({"", "nan", "null", "unknown", "unavailable"})
"""Texts that mean "no value", in lower case and without blanks around them."""

LONGEST_NUMBER = 64
LARGEST = 2**53


class NotANumberError(ValueError):
    """The value is neither a number nor a word for "no value"."""


class Invalid:
    """The values that a mapping lists as `invalid` for a signal: numbers as sent, and texts without case."""

    __slots__ = ("numbers", "texts")

    def __init__(self, numbers: frozenset[float] = frozenset(), texts: frozenset[str] = frozenset()) -> None:
        self.numbers = numbers
        self.texts = texts

    def __bool__(self) -> bool:
        return bool(self.numbers or self.texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Invalid) and (self.numbers, self.texts) == (other.numbers, other.texts)

    def __hash__(self) -> int:
        return hash((self.numbers, self.texts))


def read_number(value: Any, invalid: Invalid) -> float | None:
    """Return the number, an int where it was sent as one; None for no value. Raises NotANumberError."""
    if value is None:
        return None
    number: float
    if value.__class__ is float or value.__class__ is int:
        number = value
        if not -LARGEST <= number <= LARGEST:
            # Beyond every range; an integer of hundreds of digits would not fit a float.
            number = inf if number > 0 else -inf
    elif isinstance(value, str):
        text = value.strip()
        lower = text.lower()
        if lower in NO_VALUE or lower in invalid.texts:
            return None
        number = _from_text(text)
    else:
        raise NotANumberError
    return None if number in invalid.numbers else number


def _from_text(text: str) -> float:
    # float() also takes 1_000, letters of other scripts, and "infinity".
    if len(text) > LONGEST_NUMBER or "_" in text or not text.isascii():
        raise NotANumberError
    try:
        number = float(text)
    except ValueError:
        raise NotANumberError from None
    if not isfinite(number):
        raise NotANumberError
    return number
