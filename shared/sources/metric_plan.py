"""The plan of a Sparkplug message: which of its metrics are our signals. Compiled once, at start."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.sources.conversion import Convert
from shared.sources.message_plan import NAMES, TimedValue
from shared.sources.raw_number import Invalid
from shared.sources.signal_reader import BadValueError, checked_number, convert_of
from shared.sources.signal_rule import SignalRule
from shared.wire.reading import SIGNALS


class Sample(NamedTuple):
    """A value of a metric with its time, as sent."""

    value: Any
    time: int | None


Samples = Mapping[str, Sequence[Sample]]
"""The values of a message by the names of their metrics."""


class _Signal(NamedTuple):
    number: int
    name: str
    places: tuple[tuple[str, Convert | None], ...]
    """Names of metrics, the better ones first, each with its conversion."""
    invalid: Invalid


class MetricPlan:
    """The compiled rules of a Sparkplug message."""

    def __init__(self, rules: Sequence[SignalRule]) -> None:
        self._signals = tuple(map(_signal, rules))
        self.metrics = frozenset(name for signal in self._signals for name, _ in signal.places)
        """The names of all metrics that may be a signal."""

    def read(self, samples: Samples) -> list[TimedValue | BadValueError]:
        """Return the values of the signals with their times; a bad one spoils no other."""
        return [value for signal in self._signals for value in _values(signal, samples)]


def _signal(rule: SignalRule) -> _Signal:
    places = tuple(
        (place.pointer.text, convert_of(rule, place.unit))
        for place in rule.places
        if place.pointer is not None
    )
    return _Signal(NAMES.index(rule.name), rule.name, places, rule.invalid)


def _values(signal: _Signal, samples: Samples) -> list[TimedValue | BadValueError]:
    """Return the values of the first metric that has one; a message may hold several of different times."""
    found: list[TimedValue | BadValueError] = []
    for name, convert in signal.places:
        for sample in samples.get(name, ()):
            try:
                number = checked_number(signal.name, name, sample.value, signal.invalid)
            except BadValueError as bad:
                found.append(bad.with_traceback(None))
                continue
            if number is not None:
                value = float(number) if convert is None else convert(number)
                low, high, _unit = SIGNALS[signal.name]
                found.append(TimedValue(signal.number, value, sample.time, low <= value <= high))
        if found:
            break
    return found
