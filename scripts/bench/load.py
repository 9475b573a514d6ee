"""What is published for a figure, made beforehand, and what has to be stored then."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench import packets, sample_readings
from scripts.bench.sample_readings import VEHICLES, Key
from shared.wire.topics import telemetry_topic


@dataclass(frozen=True, slots=True)
class Load:
    """`publications` are whole MQTT packets; they make `rows` rows, of which `last` come at the end."""

    publications: Sequence[bytes]
    rows: int
    last: Sequence[Key]


def lone_readings(messages: int, *, confirm: bool = False) -> Load:
    """One reading a message; with `confirm`, on the topic that asks for receipts."""
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
    """Arrays of `size` readings, each of one vehicle."""
    numbers = [array_numbers(message, size) for message in range(messages)]
    publications = [
        packets.publish(
            telemetry_topic(sample_readings.key(those[0]).vin), sample_readings.array(those), message
        )
        for message, those in enumerate(numbers)
    ]
    last = [sample_readings.key(those[-1]) for those in numbers[-VEHICLES:]]
    return Load(publications, messages * size, last)


def array_numbers(message: int, size: int) -> range:
    """The readings of the array with this number: its vehicle's next ones."""
    block, vehicle = divmod(message, VEHICLES)
    first = block * size * VEHICLES + vehicle
    return range(first, first + size * VEHICLES, VEHICLES)
