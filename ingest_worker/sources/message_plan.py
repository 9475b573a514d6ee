"""The plan of a message: the rules of its signals, compiled to functions once, at start."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ingest_worker.sources.conversion import SENT_UNITS, Convert, conversion, units_of
from ingest_worker.sources.mistake import quoted
from ingest_worker.sources.pointer import Find, Pointer, compile_all, compile_pointer
from ingest_worker.sources.raw_number import Invalid, NotANumberError, read_number
from ingest_worker.sources.signal_rule import SignalRule
from ingest_worker.sources.source_time import ReadTime, is_missing
from shared.wire.reading import SIGNALS

NAMES = tuple(SIGNALS)
_LOW = tuple(SIGNALS[name].low for name in NAMES)
_HIGH = tuple(SIGNALS[name].high for name in NAMES)
_NUMBER = len(NAMES)

Signals = tuple[float | None, ...]
"""The values of all signals in the order of SIGNALS, None where there is none."""


class BadValueError(ValueError):
    """A text or another JSON value stands in the place of a number; the message names place and value."""


class ValueForm(NamedTuple):
    """The form of values with a time of their own: places within the object of a value."""

    value: Find
    time: Find
    read_time: ReadTime


class TimedValue(NamedTuple):
    """A value with its own time."""

    signal: int
    """The number of the signal in SIGNALS."""
    number: float
    time: Any
    """As sent."""


class LoneValue(NamedTuple):
    """The rule of a topic whose payload is the value of one signal, for the usual number in plain text."""

    before: Signals
    convert: Convert | None
    low: float
    high: float
    after: Signals


class _Leaf(NamedTuple):
    """A value that lies in an object under a plain key."""

    signal: int
    key: str
    path: str
    member: Find
    convert: Convert | None
    invalid: Invalid


class _Place(NamedTuple):
    path: str
    converted: Callable[[float, Any], float]
    find: Find
    find_all: Callable[[Any], list[Any]] | None


class MessagePlan:
    """The compiled rules of one message."""

    def __init__(self, rules: Sequence[SignalRule], form: ValueForm | None = None) -> None:
        self.form = form
        self.is_scalar = form is None and all(rule.places[0].pointer is None for rule in rules)
        self.lone = _lone(rules[0]) if self.is_scalar and len(rules) == 1 else None
        parents: dict[str, tuple[Find, list[_Leaf]]] = {}
        self._others: list[tuple[int, Callable[[Any], float | None]]] = []
        self._timed: list[tuple[int, Callable[[Any], tuple[float, Any] | None]]] = []
        for rule in rules:
            index = NAMES.index(rule.name)
            if form is not None:
                self._timed.append((index, _timed_reader(rule, form)))
            elif (pointer := _plain(rule)) is not None:
                parent = pointer.parent
                leaves = parents.setdefault(parent.text, (compile_pointer(parent), []))[1]
                leaves.append(_leaf(rule, index, pointer))
            else:
                self._others.append((index, _reader(rule)))
        self._groups = [(parent, tuple(leaves)) for parent, leaves in parents.values()]

    def read(self, document: Any) -> list[float | None] | None:
        """Return the values of a message, None where there is no signal. Raises BadValueError."""
        values: list[float | None] = [None] * _NUMBER
        is_empty = True
        number: float | None
        for parent, leaves in self._groups:
            node = parent(document)
            if node is None:
                continue
            is_object = node.__class__ is dict
            for index, key, path, member, convert, invalid in leaves:
                raw = node.get(key) if is_object else member(node)
                if raw is None:
                    continue
                if raw.__class__ is float and not invalid.numbers:
                    number = raw
                else:
                    number = _number(NAMES[index], path, raw, invalid)
                    if number is None:
                        continue
                values[index] = float(number) if convert is None else convert(number)
                is_empty = False
        for index, read in self._others:
            number = read(document)
            if number is not None:
                values[index] = number
                is_empty = False
        return None if is_empty else values

    def read_timed(self, document: Any) -> list[TimedValue | BadValueError]:
        """Return the values of a message with times of their own; a bad one spoils no other."""
        found: list[TimedValue | BadValueError] = []
        for index, read in self._timed:
            try:
                value = read(document)
            except BadValueError as bad:
                found.append(BadValueError(str(bad)))
                continue
            if value is not None:
                found.append(TimedValue(index, *value))
        return found


def in_range(values: Sequence[float | None]) -> bool:
    """Return whether every value lies in the range of its signal."""
    for value, low, high in zip(values, _LOW, _HIGH, strict=True):
        if value is not None and not low <= value <= high:
            return False
    return True


def read_moment(value: Any, read: ReadTime) -> datetime | None:
    """Return the time, None where it is missing. Raises InvalidTimestampError."""
    return None if is_missing(value) else read(value)


def _lone(rule: SignalRule) -> LoneValue | None:
    if rule.invalid or rule.unit_at is not None or rule.places[0].unit is not None:
        return None
    index = NAMES.index(rule.name)
    none = (None,) * _NUMBER
    return LoneValue(none[:index], _convert(rule), _LOW[index], _HIGH[index], none[index + 1 :])


def _plain(rule: SignalRule) -> Pointer | None:
    """Return the pointer of a value that lies under a key of an object, with no alternative and no unit."""
    pointer = rule.places[0].pointer
    if len(rule.places) > 1 or rule.unit_at is not None or pointer is None or pointer.has_star:
        return None
    if rule.places[0].unit is not None:
        return None
    return pointer if pointer.tokens and isinstance(pointer.tokens[-1], str) else None


def _leaf(rule: SignalRule, index: int, pointer: Pointer) -> _Leaf:
    last = Pointer("", pointer.tokens[-1:])
    return _Leaf(
        index, str(last.tokens[0]), pointer.text, compile_pointer(last), _convert(rule), rule.invalid
    )


def _convert(rule: SignalRule, unit: str | None = None) -> Convert | None:
    return conversion(unit or rule.unit, rule.scale, rule.offset, rule.sign)


def _number(name: str, path: str, raw: Any, invalid: Invalid) -> float | None:
    try:
        return read_number(raw, invalid)
    except NotANumberError:
        raise BadValueError(f"{name} ({path}): {_shown(raw)} is not a number") from None


def _shown(raw: Any) -> str:
    if isinstance(raw, str):
        return quoted(raw, 40)
    return {bool: "a boolean", list: "an array", dict: "an object"}.get(type(raw), "the value")


def _places(rule: SignalRule) -> list[_Place]:
    found = []
    for key, pointer, unit in rule.places:
        path = (
            f"{key or ''}{'#' if key and pointer and pointer.text else ''}{pointer.text if pointer else ''}"
        )
        if pointer is not None and pointer.has_star:
            found.append(_Place(path, _converter(rule, unit), lambda _document: None, compile_all(pointer)))
        else:
            found.append(
                _Place(path, _converter(rule, unit), compile_pointer(pointer or Pointer("", ())), None)
            )
    return found


def _converter(rule: SignalRule, own_unit: str | None) -> Callable[[float, Any], float]:
    """Return the conversion of a number, given the object that may hold its unit."""
    if rule.unit_at is None or own_unit is not None:
        convert = _convert(rule, own_unit)
        return lambda number, _holder: float(number) if convert is None else convert(number)
    find_unit, at = compile_pointer(rule.unit_at), rule.unit_at.text
    by_unit = {unit: _convert(rule, unit) for unit in units_of(rule.name)}

    def converted(number: float, holder: Any) -> float:
        sent = find_unit(holder)
        unit = SENT_UNITS.get(sent.strip().lower()) if isinstance(sent, str) else None
        if unit is None or unit not in by_unit:
            raise BadValueError(f"{rule.name} ({at}): {_shown(sent)} is no unit of it")
        convert = by_unit[unit]
        return float(number) if convert is None else convert(number)

    return converted


def _reader(rule: SignalRule) -> Callable[[Any], float | None]:
    places, invalid = _places(rule), rule.invalid
    choose = max if rule.reduce == "max" else min

    def read(document: Any) -> float | None:
        for path, converted, find, find_all in places:
            found = [find(document)] if find_all is None else find_all(document)
            numbers = [
                converted(number, document)
                for raw in found
                if (number := _number(rule.name, path, raw, invalid)) is not None
            ]
            if numbers:
                return choose(numbers)
        return None

    return read


def _timed_reader(rule: SignalRule, form: ValueForm) -> Callable[[Any], tuple[float, Any] | None]:
    places, invalid = _places(rule), rule.invalid
    find_value, find_time, _read_time = form

    def read(document: Any) -> tuple[float, Any] | None:
        for path, converted, find, _all in places:
            holder = find(document)
            if holder is None:
                continue
            if holder.__class__ is not dict:
                raise BadValueError(f"{rule.name} ({path}): is no object with a value and a time")
            number = _number(rule.name, path, find_value(holder), invalid)
            if number is not None:
                return converted(number, holder), find_time(holder)
        return None

    return read
