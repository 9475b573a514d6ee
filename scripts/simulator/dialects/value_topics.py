"""Dialects with one value a topic: the messages of one reading share a prefix and the car's name."""

from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car, Encoder, Publication
from scripts.simulator.dialects.quantity import Quantity
from scripts.simulator.reading import Reading

Signals = Mapping[str, tuple[str, Quantity]]
"""The key of each signal's topic, and its form on the wire, in the order of publication."""


class ValueTopics(Encoder):
    """Encoder that publishes each signal on a topic of its own.

    Devices publish most values on change only; here each reading is published whole, as after a connect.
    """

    topic: ClassVar[str]
    """Topic with places for `prefix`, `id` and `key`."""
    signals: ClassVar[Signals]
    qos: ClassVar[int]
    retain: ClassVar[bool]

    @abstractmethod
    def text(self, signal: str, wire: Fraction | None, car: Car) -> str | None:
        """Return the payload of a signal; None: no message for it."""

    def others(self, _reading: Reading, _car: Car) -> list[tuple[str, str]]:
        """Return keys and payloads of further topics, which hold no signal of ours."""
        return []

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return {signal: quantity for signal, (_, quantity) in self.signals.items()}

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        wire = self.wire_numbers(reading, car)
        texts = [(key, self.text(signal, wire[signal], car)) for signal, (key, _) in self.signals.items()]
        return [
            Publication(self._topic(key, car), text.encode(), self.qos, self.retain)
            for key, text in (*texts, *self.others(reading, car))
            if text is not None
        ]

    def _topic(self, key: str, car: Car) -> str:
        return self.topic.format(prefix=self.prefix, id=self.vehicle_id(car), key=key)
