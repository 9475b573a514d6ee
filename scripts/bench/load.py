"""Messages published for a figure, built beforehand, and the rows that they must become."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench import packets, sample_readings
from scripts.bench.sample_readings import VEHICLES, Key
from shared.wire.topics import telemetry_topic


@dataclass(frozen=True, slots=True)
class Load:
    """`publications` are whole MQTT packets; they become `rows` rows, of which `last` come at the end."""

    publications: Sequence[bytes]
    rows: int
    last: Sequence[Key]


def lone_readings(messages: int, *, confirm: bool = False) -> Load:
    """Build messages of one reading each; with `confirm`, on the topic that requests receipts."""
    topics = [telemetry_topic(sample_readings.vin(one), confirm=confirm) for one in range(VEHICLES)]
    return Load(
        [
            packets.publish(topics[number % VEHICLES], sample_readings.payload(number), number)
            for number in range(messages)
        ],
        messages,
        [sample_readings.key(number) for number in range(max(0, messages - VEHICLES), messages)],
    )


def arrays(messages: int, size: int) -> Load:
    """Build arrays of `size` readings, each of one vehicle."""
    numbers = [array_numbers(message, size) for message in range(messages)]
    publications = [
        packets.publish(
            telemetry_topic(sample_readings.key(array[0]).vin), sample_readings.array(array), message
        )
        for message, array in enumerate(numbers)
    ]
    last = [sample_readings.key(array[-1]) for array in numbers[-VEHICLES:]]
    return Load(publications, messages * size, last)


def array_numbers(message: int, size: int) -> range:
    """Return the numbers of the readings of one array: the next ones of its vehicle."""
    block, vehicle = divmod(message, VEHICLES)
    first = block * size * VEHICLES + vehicle
    return range(first, first + size * VEHICLES, VEHICLES)
