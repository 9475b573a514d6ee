"""Messages published for a figure, built beforehand, and the rows that they must become."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench import packets, sample_readings
from scripts.bench.sample_readings import VEHICLES, Key
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
