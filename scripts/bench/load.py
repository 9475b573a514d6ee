"""Messages published for a figure, built beforehand, and the rows that they must become."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench import packets, sample_readings
from scripts.bench.sample_readings import VEHICLES, Key
from shared.wire.reading import SIGNALS
from shared.wire.topics import telemetry_topic

# More would make the lookup that is polled for them expensive.
_MOST_LAST = 100


@dataclass(frozen=True, slots=True)
class Load:
    """`publications` are whole MQTT packets; they become `rows` rows, of which `last` come at the end."""

    publications: Sequence[bytes]
    rows: int
    last: Sequence[Key]


def lone_readings(messages: int, *, vehicles: int = VEHICLES, confirm: bool = False) -> Load:
    """Build messages of one reading each; with `confirm`, on the topic that requests receipts."""
    topics = [telemetry_topic(sample_readings.vin(one), confirm=confirm) for one in range(vehicles)]
    return Load(
        [
            packets.publish(
                topics[number % vehicles], sample_readings.payload(number, vehicles=vehicles), number
            )
            for number in range(messages)
        ],
        messages,
        _last(range(messages), vehicles),
    )


def lone_signals(readings: int, *, vehicles: int = VEHICLES, at_once: int = 1) -> Load:
    """Build messages of one signal each: seven for a reading.

    `at_once` is the number of readings whose messages alternate: the first signal of each of them, then the
    second one of each, and so on. With 1, the messages of a reading follow one another.
    """
    parts = [
        (number, name)
        for first in range(0, readings, at_once)
        for name in SIGNALS
        for number in range(first, min(first + at_once, readings))
    ]
    topics = [telemetry_topic(sample_readings.vin(one)) for one in range(vehicles)]
    return Load(
        [
            packets.publish(
                topics[number % vehicles],
                sample_readings.payload(number, vehicles=vehicles, names=[name]),
                message,
            )
            for message, (number, name) in enumerate(parts)
        ],
        readings,
        _last(range(readings), vehicles),
    )


def arrays(messages: int, size: int, *, vehicles: int = VEHICLES) -> Load:
    """Build arrays of `size` readings, each of one vehicle."""
    numbers = [array_numbers(message, size, vehicles=vehicles) for message in range(messages)]
    publications = [
        packets.publish(
            telemetry_topic(sample_readings.key(array[0], vehicles=vehicles).vin),
            sample_readings.array(array, vehicles=vehicles),
            message,
        )
        for message, array in enumerate(numbers)
    ]
    return Load(publications, messages * size, _last([array[-1] for array in numbers], vehicles))


def array_numbers(message: int, size: int, *, vehicles: int = VEHICLES) -> range:
    """Return the numbers of the readings of one array: the next ones of its vehicle."""
    block, vehicle = divmod(message, vehicles)
    first = block * size * vehicles + vehicle
    return range(first, first + size * vehicles, vehicles)


def _last(numbers: Sequence[int], vehicles: int) -> Sequence[Key]:
    """Return the keys of the last readings of some vehicles."""
    return [
        sample_readings.key(number, vehicles=vehicles) for number in numbers[-min(vehicles, _MOST_LAST) :]
    ]
