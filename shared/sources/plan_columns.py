"""The rules of a message, for many messages at once: each signal is read as a column.

Where a value of a column is not usual its values are read one by one, as `MessagePlan` does. A message with a
part that is wrong is only marked: `decode_mapped` has to decode it.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Any, NamedTuple

from shared.sources.number_column import NumberColumn
from shared.sources.pointer import Pointer
from shared.sources.pointer_columns import Column, PointerColumns
from shared.sources.signal_reader import (
    BadValueError,
    ReadSignal,
    ReadTimedSignal,
    ValueForm,
    signal_reader,
    timed_reader,
)
from shared.sources.signal_rule import SignalRule
from shared.wire.reading import SIGNALS

_NAMES = tuple(SIGNALS)
_OBJECTS = {dict}


class _Whole(NamedTuple):
    """A signal of messages that are one reading."""

    signal: int
    place: int | None
    """Index of the column of its first place; None where that holds several values or needs a unit."""
    has_more: bool
    """True where another place may hold the value."""
    numbers: NumberColumn
    read: ReadSignal


class WholeColumns:
    """The signals of messages that are one reading."""

    def __init__(self, rules: Sequence[SignalRule]) -> None:
        self._pointers = PointerColumns()
        self._signals = [self._signal(rule) for rule in rules]

    def _signal(self, rule: SignalRule) -> _Whole:
        first = rule.places[0]
        pointer = _pointer(rule, 0)
        place = None if pointer.has_star or rule.unit_at is not None else self._pointers.add(pointer)
        return _Whole(
            _NAMES.index(rule.name),
            place,
            len(rule.places) > 1,
            NumberColumn(rule, first.unit),
            signal_reader(rule),
        )

    def read(self, documents: Sequence[Any], marked: set[int]) -> list[Sequence[float | None]]:
        """Return the values of all signals of ours; add the index of each wrong message to `marked`."""
        columns = self._pointers.find(documents)
        found: list[Sequence[float | None]] = [(None,) * len(documents)] * len(_NAMES)
        for signal in self._signals:
            raws = None if signal.place is None else columns[signal.place]
            numbers = None if raws is None else signal.numbers.read(raws)
            found[signal.signal] = _each(signal, documents, raws, marked) if numbers is None else numbers
        return found


def _each(
    signal: _Whole, documents: Sequence[Any], raws: Column | None, marked: set[int]
) -> list[float | None]:
    """Return the values of a signal, each read by itself."""
    found: list[float | None] = []
    for at, document in enumerate(documents):
        raw = None if raws is None else raws[at]
        number = signal.numbers.read_one(raw)
        if number is None and (raw is not None or signal.has_more or raws is None):
            try:
                number = signal.read(document)
            except BadValueError:
                marked.add(at)
        if number is not None and not signal.numbers.is_in_range(number):
            marked.add(at)
        found.append(number)
    return found


class TimedColumn(NamedTuple):
    """The values of one signal with times of their own, in the order of their messages."""

    signal: int
    messages: Sequence[int]
    """For each value, the index of its message."""
    numbers: Sequence[float]
    times: Sequence[Any]
    """As sent."""


class _Timed(NamedTuple):
    """A signal whose values have times of their own."""

    signal: int
    places: Sequence[int]
    """Indexes of the columns of its places; empty where they have different units."""
    numbers: NumberColumn
    read: ReadTimedSignal


class TimedColumns:
    """The signals of messages whose values have times of their own."""

    def __init__(self, rules: Sequence[SignalRule], form: ValueForm) -> None:
        self._pointers, self._parts = PointerColumns(), PointerColumns()
        self._value, self._time = self._parts.add(form.value), self._parts.add(form.time)
        self._signals = [self._signal(rule, form) for rule in rules]

    def _signal(self, rule: SignalRule, form: ValueForm) -> _Timed:
        unit = rule.places[0].unit
        is_plain = rule.unit_at is None and all(place.unit == unit for place in rule.places)
        places = (
            [self._pointers.add(_pointer(rule, place)) for place in range(len(rule.places))]
            if is_plain
            else ()
        )
        return _Timed(_NAMES.index(rule.name), places, NumberColumn(rule, unit), timed_reader(rule, form))

    def read(self, documents: Sequence[Any], marked: set[int]) -> list[TimedColumn]:
        """Return the values of each signal; add the index of each wrong message to `marked`."""
        columns = self._pointers.find(documents)
        return [self._read(signal, columns, documents, marked) for signal in self._signals]

    def _read(
        self, signal: _Timed, columns: Sequence[Column], documents: Sequence[Any], marked: set[int]
    ) -> TimedColumn:
        messages: Sequence[int] = range(len(documents))
        if signal.places:
            first, *others = signal.places
            holders = columns[first]
            for other in others:
                pairs = zip(holders, columns[other], strict=True)
                holders = [own if better is None else better for better, own in pairs]
            is_there = [holder is not None for holder in holders]
            messages, holders = [*compress(messages, is_there)], [*compress(holders, is_there)]
            if {*map(type, holders)} == _OBJECTS:
                parts = self._parts.find(holders)
                numbers = signal.numbers.read(parts[self._value])
                if numbers is not None:
                    return TimedColumn(signal.signal, messages, numbers, parts[self._time])
        return _each_timed(signal, documents, messages, marked)


def _each_timed(
    signal: _Timed, documents: Sequence[Any], messages: Sequence[int], marked: set[int]
) -> TimedColumn:
    """Return the values of a signal in these messages, each read by itself."""
    found = TimedColumn(signal.signal, own := list[int](), numbers := list[float](), times := list[Any]())
    for at in messages:
        try:
            value = signal.read(documents[at])
        except BadValueError:
            marked.add(at)
            continue
        if value is None:
            continue
        number, time = value
        if not signal.numbers.is_in_range(number):
            marked.add(at)
            continue
        own.append(at)
        numbers.append(number)
        times.append(time)
    return found


PlanColumns = WholeColumns | TimedColumns


def plan_columns(rules: Sequence[SignalRule], form: ValueForm | None) -> PlanColumns | None:
    """Return the columns of a message's rules; None where messages have to be decoded one by one.

    That is where a number beyond 2**53, which is refused as it was sent, might be in range once converted.
    """
    numbers = [NumberColumn(rule, place.unit) for rule in rules for place in rule.places]
    if not all(column.refuses_huge for column in numbers):
        return None
    return WholeColumns(rules) if form is None else TimedColumns(rules, form)


def _pointer(rule: SignalRule, place: int) -> Pointer:
    return rule.places[place].pointer or Pointer("", ())
