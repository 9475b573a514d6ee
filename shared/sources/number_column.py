"""The numbers of one signal from many messages, checked and converted as a column."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from shared.sources.conversion import convert_integers
from shared.sources.raw_number import LARGEST, LONGEST_NUMBER
from shared.sources.signal_reader import convert_of
from shared.sources.signal_rule import SignalRule
from shared.wire.reading import SIGNALS

_INTEGERS, _TEXTS, _NUMBERS = {int}, {str}, {int, float}
# For texts of these characters alone `float` returns the same number as `read_number`.
_OTHER_CHARACTER = re.compile(r"[^0-9.\-]").search


class NumberColumn:
    """The conversion of a signal's usual values: numbers, also as texts, that lie in range."""

    def __init__(self, rule: SignalRule, unit: str | None) -> None:
        self._convert: Callable[[float], float] = convert_of(rule, unit) or float
        self._convert_integers = convert_integers(unit or rule.unit, rule.scale, rule.offset, rule.sign)
        self._invalid = rule.invalid
        self._low, self._high, _unit = SIGNALS[rule.name]
        # The others, the usual codes for "invalid" among them, are found by the range alone.
        self._invalid_in_range = {
            number for number in rule.invalid.numbers if self.is_in_range(self._convert(number))
        }

    @property
    def refuses_huge(self) -> bool:
        """True where each number beyond 2**53 is out of range once it is converted."""
        return not any(map(self.is_in_range, map(self._convert, (LARGEST, -LARGEST))))

    def is_in_range(self, number: float) -> bool:
        """Return whether a number in our unit lies in the signal's range."""
        return self._low <= number <= self._high

    def read(self, raws: Sequence[Any]) -> Sequence[float] | None:
        """Return the numbers in our unit; None where one of the values is not usual."""
        kinds = {*map(type, raws)}
        numbers: Sequence[Any] | None = raws
        if kinds == _TEXTS:
            numbers = self._read_texts(raws)
        elif not kinds <= _NUMBERS:
            return None
        if not numbers or not self._invalid_in_range.isdisjoint(numbers):
            return None
        try:
            if kinds == _INTEGERS:
                numbers = self._convert_integers(numbers)
            else:
                numbers = [*map(self._convert, numbers)]
        except OverflowError:
            return None
        return numbers if self._low <= min(numbers) and max(numbers) <= self._high else None

    def read_one(self, raw: Any) -> float | None:
        """Return the number in our unit of a usual JSON number, in range or not; None for any other value."""
        if (raw.__class__ is int or raw.__class__ is float) and -LARGEST < raw < LARGEST:
            return None if raw in self._invalid.numbers else self._convert(raw)
        return None

    def _read_texts(self, texts: Sequence[str]) -> list[float] | None:
        if _OTHER_CHARACTER("".join(texts)) or max(map(len, texts)) > LONGEST_NUMBER:
            return None
        if not self._invalid.texts.isdisjoint(texts):
            return None
        try:
            return [*map(float, texts)]
        except ValueError:
            return None
