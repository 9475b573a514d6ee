"""The plan of a message: the readers of its signals, with a short way for the usual number under a key."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from shared.sources.conversion import Convert
from shared.sources.plan_columns import PlanColumns, plan_columns
from shared.sources.pointer import Find, Pointer, compile_pointer
from shared.sources.signal_reader import (
    BadValueError,
    ReadSignal,
    ReadTimedSignal,
    ValueForm,
    convert_of,
    signal_reader,
    timed_reader,
)
from shared.sources.signal_rule import SignalRule
from shared.wire.reading import SIGNALS

NAMES = tuple(SIGNALS)
_NUMBER = len(NAMES)
_LIMITS = tuple((low, high) for low, high, _unit in SIGNALS.values())
_LARGEST = 2**53
_OTHER = object()

Signals = tuple[float | None, ...]
"""The values of all signals in the order of SIGNALS, None where there is none."""


class TimedValue(NamedTuple):
    """A value with its own time."""

    signal: int
    """The number of the signal in SIGNALS."""
    number: float
    time: Any
    """As sent."""
    is_in_range: bool


class LoneValue(NamedTuple):
    """The rule of a topic whose payload is the value of one signal, for the usual number in plain text."""

    before: Signals
    convert: Convert | None
    low: float
    high: float
    after: Signals


class _Leaf(NamedTuple):
    """A signal whose value usually is a number under a key of an object."""

    signal: int
    key: str
    has_more: bool
    """True where another place may hold the value."""
    convert: Convert | None
    invalid: frozenset[float]
    low: float
    high: float
    read: ReadSignal


class _Other(NamedTuple):
    """A signal whose value is found another way."""

    signal: int
    low: float
    high: float
    read: ReadSignal


class MessagePlan:
    """The compiled rules of one message."""

    def __init__(self, rules: Sequence[SignalRule], form: ValueForm | None = None) -> None:
        self.form = form
        self._rules = tuple(rules)
        self.is_scalar = form is None and all(rule.places[0].pointer is None for rule in rules)
        self.lone = _lone(rules[0]) if self.is_scalar and len(rules) == 1 else None
        self._timed: list[tuple[int, ReadTimedSignal]] = []
        self._others: list[_Other] = []
        groups: dict[str, tuple[Find, list[_Leaf]]] = {}
        for rule in rules:
            signal = NAMES.index(rule.name)
            if form is not None:
                self._timed.append((signal, timed_reader(rule, form)))
            elif (pointer := _plain(rule)) is not None:
                parent = pointer.parent
                leaves = groups.setdefault(parent.text, (compile_pointer(parent), []))[1]
                leaves.append(_leaf(rule, signal, pointer))
            else:
                low, high, _unit = SIGNALS[rule.name]
                self._others.append(_Other(signal, low, high, signal_reader(rule)))
        self._groups = [(parent, tuple(leaves)) for parent, leaves in groups.values()]

    @cached_property
    def columns(self) -> PlanColumns | None:
        """The rules for many messages at once; None where each has to be decoded by itself."""
        return None if self.is_scalar else plan_columns(self._rules, self.form)

    def read(self, document: Any) -> tuple[list[float | None], bool] | None:
        """Return the values of a message, and whether all lie in range; None where there is no signal.

        Raises BadValueError.
        """
        values: list[float | None] = [None] * _NUMBER
        is_empty = is_in_range = True
        number: float | None
        for parent, leaves in self._groups:
            node = parent(document)
            get = node.get if node.__class__ is dict else _nothing if node is None else _other
            for signal, key, has_more, convert, invalid, low, high, read in leaves:
                raw = get(key)
                if raw.__class__ is float and not invalid:
                    number = raw if convert is None else convert(raw)
                elif raw.__class__ is int and -_LARGEST < raw < _LARGEST and raw not in invalid:
                    number = float(raw) if convert is None else convert(raw)
                elif raw is None and not has_more:
                    continue
                else:
                    number = read(document)
                    if number is None:
                        continue
                is_empty = False
                values[signal] = number
                if not low <= number <= high:
                    is_in_range = False
        if self._others:
            return self._read_others(document, values, is_in_range)
        return None if is_empty else (values, is_in_range)

    def _read_others(
        self, document: Any, values: list[float | None], is_in_range: bool
    ) -> tuple[list[float | None], bool] | None:
        for signal, low, high, read in self._others:
            number = values[signal] = read(document)
            if number is not None and not low <= number <= high:
                is_in_range = False
        return None if values.count(None) == _NUMBER else (values, is_in_range)

    def read_timed(self, document: Any) -> list[TimedValue | BadValueError]:
        """Return the values of a message with times of their own; a bad one spoils no other."""
        found: list[TimedValue | BadValueError] = []
        for signal, read in self._timed:
            try:
                value = read(document)
            except BadValueError as bad:
                found.append(bad.with_traceback(None))
                continue
            if value is not None:
                number, time = value
                low, high = _LIMITS[signal]
                found.append(TimedValue(signal, number, time, low <= number <= high))
        return found


def in_range(values: Sequence[float | None]) -> bool:
    """Return whether every value lies in the range of its signal."""
    return all(
        value is None or low <= value <= high for value, (low, high) in zip(values, _LIMITS, strict=True)
    )


def _nothing(_key: str) -> None:
    """Return the value of a key where there is no object."""


def _other(_key: str) -> object:
    """Return a stand-in for a value that has to be found by the reader, such as an array's element."""
    return _OTHER


def _lone(rule: SignalRule) -> LoneValue | None:
    if rule.invalid or rule.unit_at is not None or rule.places[0].unit is not None:
        return None
    at = NAMES.index(rule.name)
    low, high, _unit = SIGNALS[rule.name]
    none = (None,) * _NUMBER
    return LoneValue(none[:at], convert_of(rule), low, high, none[at + 1 :])


def _plain(rule: SignalRule) -> Pointer | None:
    """Return the first pointer of a rule where it leads to a key of an object."""
    pointer = rule.places[0].pointer
    if pointer is None or pointer.has_star or rule.unit_at is not None:
        return None
    return pointer if pointer.tokens and isinstance(pointer.tokens[-1], str) else None


def _leaf(rule: SignalRule, signal: int, pointer: Pointer) -> _Leaf:
    low, high, _unit = SIGNALS[rule.name]
    return _Leaf(
        signal=signal,
        key=str(pointer.tokens[-1]),
        has_more=len(rule.places) > 1,
        convert=convert_of(rule, rule.places[0].unit),
        invalid=rule.invalid.numbers,
        low=low,
        high=high,
        read=signal_reader(rule),
    )
