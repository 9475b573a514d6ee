"""Messages of a dialect for a figure, by the simulator's encoder, and the signals that they must become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.bench import packets, sample_readings
from scripts.simulator.dialects.encoder import Car, Encoder
from scripts.simulator.dialects.sources_file import sources_toml
from scripts.simulator.reading import Reading
from shared.sources.mapping_file import parse_sources
from shared.wire.reading import SIGNALS
from shared.wire.topics import telemetry_topic

# More would make the lookup that is polled for them expensive.
_MOST_LAST = 100
_MAPPING = "sources.toml"

Signals = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class DialectLoad:
    """`publications` are whole MQTT packets at QoS 1; they hold `values` signals of ours.

    `last` holds the signals of vehicles' last readings, which arrive at the end.
    """

    publications: Sequence[bytes]
    values: int
    last: Mapping[str, Signals]


Fleets = Mapping[Encoder, Sequence[Car]]
"""The cars of each dialect."""


def fleets(encoders: Sequence[Encoder], vehicles: int) -> Fleets:
    """Return so many cars for each dialect, each with a VIN of its own."""
    return {
        encoder: [
            Car(vehicle + 1, sample_readings.vin(place * vehicles + vehicle)) for vehicle in range(vehicles)
        ]
        for place, encoder in enumerate(encoders)
    }


def mapping_text(cars: Fleets) -> str:
    """Return the mapping file of these dialects."""
    return "\n".join(sources_toml(encoder, own) for encoder, own in cars.items())


def native_load(messages: int, *, vehicles: int) -> DialectLoad:
    """Build messages of one native reading each."""
    topics = [telemetry_topic(sample_readings.vin(vehicle)) for vehicle in range(vehicles)]
    publications = [
        packets.publish(topics[one % vehicles], sample_readings.payload(one, vehicles=vehicles), one)
        for one in range(messages)
    ]
    last = range(max(0, messages - min(vehicles, _MOST_LAST)), messages)
    return DialectLoad(
        publications,
        messages * len(SIGNALS),
        {sample_readings.vin(one % vehicles): sample_readings.signals(one) for one in last},
    )


def dialect_load(encoder: Encoder, cars: Sequence[Car], messages: int, *, first: int = 0) -> DialectLoad:
    """Build about so many messages, of the readings from the number `first` on.

    All are sent at QoS 1, also those of a dialect at QoS 0, so that the broker drops none. Those on topics
    that no filter has, such as a module's own time, are left out.
    """
    sources = parse_sources(sources_toml(encoder, cars).encode(), _MAPPING)
    publications: list[bytes] = []
    values, number = 0, first
    last: dict[str, Signals] = {}
    while len(publications) < messages:
        car = cars[number % len(cars)]
        reading = _reading(number, car, len(cars))
        for topic, payload, _qos, _retain in encoder.encode(reading, car):
            if sources.match(topic.encode()) is not None:
                publications.append(packets.publish(topic, payload, len(publications)))
        signals = tuple(encoder.as_sent(reading, car).signals.values())
        values += sum(value is not None for value in signals)
        # In the order of arrival: the newest reading of a vehicle comes last.
        last.pop(car.vin, None)
        last[car.vin] = signals
        number += 1
    return DialectLoad(publications, values, dict(list(last.items())[-_MOST_LAST:]))


def _reading(number: int, car: Car, vehicles: int) -> Reading:
    _, ts = sample_readings.key(number, vehicles=vehicles)
    signals = dict(zip(SIGNALS, sample_readings.signals(number), strict=True))
    return {"vin": car.vin, "ts": f"{ts:%Y-%m-%dT%H:%M:%SZ}", **signals}
