"""Numbered values of devices that send one value a topic, without a time: each sent value occurs once.

A moment is a number; the value of each signal follows from it. A row is therefore checked alone, and a value
that is stored twice, at two times, is seen.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.wire.reading import SIGNALS

_STEPS = 10_000
MOST_MOMENTS = 10 * _STEPS
"""Number of moments whose values lie within the ranges and are different for each signal."""

# Another ten for each signal: the value of one is none of another.
_FROM = {name: 10 * place for place, name in enumerate(reversed(SIGNALS))}


class Device(NamedTuple):
    """Cars of one source: the form of their topics and VINs, and the key of each signal."""

    source: str
    prefix: str
    topic: str
    vin: str
    """Beginning of the VINs."""
    vehicle: str
    """Beginning of the names in the topic."""
    cars: int
    keys: Mapping[str, str]

    def topic_of(self, moment: int, signal: str) -> str:
        """Return the topic of a signal; each car in turn has a moment."""
        name = f"{self.vehicle}{moment % self.cars + 1}"
        return self.topic.format(prefix=self.prefix, vehicle=name, key=self.keys[signal])

    def vin_of(self, moment: int) -> str:
        """Return the VIN of the car that has this moment."""
        return f"{self.vin}-{moment % self.cars + 1:02d}"

    def toml(self) -> str:
        """Return the source as TOML, with its table of vehicles."""
        table = ", ".join(
            f'{self.vehicle}{number + 1} = "{self.vin_of(number)}"' for number in range(self.cars)
        )
        return f'[[source]]\ndialect = "{self.source}"\nprefix = "{self.prefix}"\nvehicles = {{ {table} }}\n'


TESLAMATE = Device(
    "teslamate", "teslamate", "{prefix}/cars/{vehicle}/{key}", "MATE", "", 10,
    {"soc": "battery_level", "odo_km": "odometer"},
)  # fmt: skip
OVMS = Device(
    "ovms", "ovms/me", "{prefix}/{vehicle}/metric/{key}", "OVMS", "DEMO", 40,
    {
        "soc": "v/b/soc", "soh": "v/b/soh", "pack_voltage": "v/b/voltage", "pack_current": "v/b/current",
        "max_temp": "v/b/p/temp/max", "min_temp": "v/b/p/temp/min", "odo_km": "v/p/odometer",
    },
)  # fmt: skip
VSS_PREFIX = "vss"
MAPPING = f'[[source]]\ndialect = "vss"\nprefix = "{VSS_PREFIX}"\n\n{TESLAMATE.toml()}\n{OVMS.toml()}'
"""The mapping file of the three sources."""


class Value(NamedTuple):
    """A signal's value of one moment."""

    moment: int
    signal: str

    @property
    def number(self) -> float:
        return float(self.text)

    @property
    def text(self) -> str:
        whole, rest = divmod(self.moment % MOST_MOMENTS, _STEPS)
        return f"{_FROM[self.signal] + whole}.{rest:04d}"


@dataclass(slots=True)
class Stored:
    """The values in the rows of one kind of device, each with the count of its rows."""

    values: Counter[Value] = field(default_factory=Counter)
    wrong: int = 0
    """Rows with a value that is none of their car's, or of a signal that it does not send."""
    mixed: int = 0
    """Rows with values of two moments."""

    @property
    def twice(self) -> int:
        """Number of rows too many for a value."""
        return sum(times - 1 for times in self.values.values())


def classify(device: Device, rows: Sequence[tuple[Any, ...]]) -> Stored:
    """Classify rows of telemetry (vin, and the signals in their order) of a device's cars."""
    found = Stored()
    for vin, *numbers in rows:
        values = [
            _value(signal, number)
            for signal, number in zip(SIGNALS, numbers, strict=True)
            if number is not None
        ]
        known = [each for each in values if each is not None and _sends(device, vin, each)]
        if not values or len(known) < len(values):
            found.wrong += 1
            continue
        found.values.update(known)
        found.mixed += len({each.moment for each in known}) > 1
    return found


def moment_values(device: Device, moment: int) -> Iterator[Value]:
    """Yield the values of a moment, in the order in which they are sent."""
    return (Value(moment, signal) for signal in device.keys)


def _value(signal: str, number: float) -> Value | None:
    found = Value(round((number - _FROM[signal]) * _STEPS), signal)
    return found if 0 <= found.moment < MOST_MOMENTS and found.number == number else None


def _sends(device: Device, vin: str, value: Value) -> bool:
    return value.signal in device.keys and vin == device.vin_of(value.moment)
