"""The encoder of a dialect: a reading of a simulated car in, messages out."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import ClassVar, NamedTuple, Protocol

from scripts.simulator.dialects.quantity import Quantity, json_number
from scripts.simulator.reading import Reading
from shared.wire.reading import SIGNALS, normalise_vin
from shared.wire.timestamps import parse_timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)


class Car(NamedTuple):
    """A simulated car."""

    number: int
    """1 for the first."""
    vin: str


class Publication(NamedTuple):
    """One message of a dialect."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Opening(NamedTuple):
    """Messages of a connection that hold no reading."""

    births: Sequence[Publication]
    """Published first on each connection, and again on command."""
    death: Publication
    """The last will of the connection, published at a clean end, too."""
    commands: str
    """The topic for commands."""
    rebirth: bytes
    """Content of the command that asks for the births."""


class SentReading(NamedTuple):
    """A reading as a correct receiver stores it; without any signal there is no row."""

    vin: str
    """In upper case."""
    ts: datetime | None
    """None: the dialect sends no time, and the time is that of the arrival."""
    signals: dict[str, float | None]
    """Every signal; None where the dialect lacks it, or can't express its value."""


class Encoder(Protocol):
    """A dialect. Ranges are not checked here: a value that our receiver rejects is sent all the same."""

    name: ClassVar[str]
    source: ClassVar[str]
    """The project or service that publishes this dialect."""
    prefix: ClassVar[str]
    is_unordered: ClassVar[bool] = False
    """True where the messages of one moment leave in a random order."""
    time_step: ClassVar[timedelta | None] = None
    """Resolution of the dialect's own time; None: messages hold no time."""

    @abstractmethod
    def quantities(self, car: Car) -> Mapping[str, Quantity]:
        """Return the signals that this car sends, each with its form on the wire."""

    @abstractmethod
    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        """Return the messages of one reading, in a fixed order."""

    def numbered(self, publication: Publication, _number: int) -> Publication:
        """Return a message with its number in the run, where the dialect has one."""
        return publication

    def opening(self, _cars: Sequence[Car], _now: datetime) -> Opening | None:
        """Return the births and the death of the connection, None where the dialect has none."""
        return None

    def vehicle_id(self, car: Car) -> str:
        """Return the name of the car in this dialect: its VIN, unless the dialect has names of its own."""
        return car.vin

    def device_table(self, _car: Car) -> str | None:
        """Return the entry of the car in the table `device` of the mapping file, None where it needs none."""
        return None

    def as_sent(self, reading: Reading, car: Car) -> SentReading:
        """Return the reading that a correct receiver stores when it gets the messages of `encode`."""
        signals: dict[str, float | None] = dict.fromkeys(SIGNALS)
        wire = self.wire_numbers(reading, car)
        signals |= {name: quantity.value(wire[name]) for name, quantity in self.quantities(car).items()}
        ts = None if self.time_step is None else self.sent_time(reading)
        return SentReading(normalise_vin(car.vin), ts, signals)

    def wire_numbers(self, reading: Reading, car: Car) -> dict[str, Fraction | None]:
        """Return the number on the wire of each signal that the car sends."""
        quantities = self.quantities(car).items()
        return {name: quantity.wire(number_of(reading, name)) for name, quantity in quantities}

    def known_numbers(self, reading: Reading, car: Car, keys: Mapping[str, str]) -> dict[str, object]:
        """Return the numbers that are not null as JSON has them, by the key of each signal."""
        wire = self.wire_numbers(reading, car)
        numbers = {key: json_number(wire[signal]) for signal, key in keys.items()}
        return {key: number for key, number in numbers.items() if number is not None}

    def sent_time(self, reading: Reading) -> datetime:
        """Return the time of the reading, cut to the dialect's resolution."""
        moment = time_of(reading)
        return moment - (moment - EPOCH) % (self.time_step or MICROSECOND)


def number_of(reading: Reading, signal: str) -> float | None:
    """Return the value of a signal, None where it is null or missing."""
    value = reading.get(signal)
    return None if value is None else float(value)


def time_of(reading: Reading) -> datetime:
    """Return the time of the reading in UTC."""
    return parse_timestamp(reading["ts"])


def is_charging(reading: Reading) -> bool:
    """Return whether current flows into the battery; braking counts, a reading does not say why."""
    return (number_of(reading, "pack_current") or 0.0) < 0


def json_bytes(value: object) -> bytes:
    """Encode as JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
