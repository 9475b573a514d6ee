"""The reader of one signal: finds its value in a message, and converts it. Compiled once, at start."""

from collections.abc import Callable
from typing import Any, NamedTuple

from shared.sources.conversion import SENT_UNITS, Convert, conversion, units_of
from shared.sources.mistake import quoted
from shared.sources.pointer import Find, Pointer, compile_all, compile_pointer
from shared.sources.raw_number import Invalid, NotANumberError, read_number
from shared.sources.signal_rule import SignalPlace, SignalRule
from shared.sources.source_time import ReadTime
from shared.sources.time_column import ReadTimes

ReadSignal = Callable[[Any], float | None]
"""Read a signal from a message; None where there is no value. Raises BadValueError."""


class BadValueError(ValueError):
    """A text or another JSON value stands in the place of a number; the message names place and value."""


class ValueForm(NamedTuple):
    """The form of values with a time of their own: places within the object of a value."""

    value: Pointer
    time: Pointer
    read_time: ReadTime
    read_all: ReadTimes
    """Reads the times of many values at once."""


ReadTimedSignal = Callable[[Any], tuple[float, Any] | None]
"""Read a signal and its time as sent; None where there is no value. Raises BadValueError."""


class _Place(NamedTuple):
    path: str
    find: Find
    find_all: Callable[[Any], list[Any]] | None
    converted: Callable[[float, Any], float]


def convert_of(rule: SignalRule, unit: str | None = None) -> Convert | None:
    """Return the conversion of a rule, for another unit than its own where one is named."""
    return conversion(unit or rule.unit, rule.scale, rule.offset, rule.sign)


def signal_reader(rule: SignalRule) -> ReadSignal:
    """Return the reader of a signal, for messages that are one reading."""
    places, invalid = [_place(rule, place) for place in rule.places], rule.invalid
    choose = max if rule.reduce == "max" else min

    def read(document: Any) -> float | None:
        for path, find, find_all, converted in places:
            found = [find(document)] if find_all is None else find_all(document)
            numbers = [
                converted(number, document)
                for raw in found
                if (number := checked_number(rule.name, path, raw, invalid)) is not None
            ]
            if numbers:
                return choose(numbers)
        return None

    return read


def timed_reader(rule: SignalRule, form: ValueForm) -> ReadTimedSignal:
    """Return the reader of a signal whose values have times of their own."""
    places, invalid = [_place(rule, place) for place in rule.places], rule.invalid
    find_value, find_time = compile_pointer(form.value), compile_pointer(form.time)

    def read(document: Any) -> tuple[float, Any] | None:
        for path, find, _find_all, converted in places:
            holder = find(document)
            if holder is None:
                continue
            if holder.__class__ is not dict:
                raise BadValueError(f"{rule.name} ({path}): is no object with a value and a time")
            raw = find_value(holder)
            is_plain = raw.__class__ is float and not invalid.numbers
            number = raw if is_plain else checked_number(rule.name, path, raw, invalid)
            if number is not None:
                return converted(number, holder), find_time(holder)
        return None

    return read


def _place(rule: SignalRule, place: SignalPlace) -> _Place:
    pointer = place.pointer or Pointer("", ())
    path = "#".join(part for part in (place.key, pointer.text) if part)
    converted = _converter(rule, place.unit)
    if pointer.has_star:
        return _Place(path, lambda _document: None, compile_all(pointer), converted)
    return _Place(path, compile_pointer(pointer), None, converted)


def _converter(rule: SignalRule, own_unit: str | None) -> Callable[[float, Any], float]:
    """Return the conversion of a number, given the object that may hold its unit."""
    if rule.unit_at is None or own_unit is not None:
        convert = convert_of(rule, own_unit) or float
        return lambda number, _holder: convert(number)
    find_unit, at = compile_pointer(rule.unit_at), rule.unit_at.text
    by_unit = {unit: convert_of(rule, unit) or float for unit in units_of(rule.name)}

    def converted(number: float, holder: Any) -> float:
        sent = find_unit(holder)
        unit = SENT_UNITS.get(sent.strip().lower()) if isinstance(sent, str) else None
        if unit is None or unit not in by_unit:
            raise BadValueError(f"{rule.name} ({at}): {_shown(sent)} is no unit of it")
        return by_unit[unit](number)

    return converted


def checked_number(name: str, path: str, raw: Any, invalid: Invalid) -> float | None:
    """Return the number at a place of a signal, None for no value. Raises BadValueError."""
    try:
        return read_number(raw, invalid)
    except NotANumberError:
        raise BadValueError(f"{name} ({path}): {_shown(raw)} is not a number") from None


def _shown(raw: Any) -> str:
    if isinstance(raw, str):
        return quoted(raw, 40)
    return {bool: "a boolean", list: "an array", dict: "an object"}.get(type(raw), "the value")
