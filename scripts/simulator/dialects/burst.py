"""The messages of a fleet in a dialect: those of one reading leave together."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from random import Random

from scripts.simulator.dialects.encoder import Car, Encoder
from scripts.simulator.message import Message
from scripts.simulator.reading import DueReading


def bursts(
    due_readings: Iterable[DueReading],
    encoder: Encoder,
    cars: Mapping[str, Car],
    *,
    seed: int,
    first_number: int = 0,
) -> Iterator[Message]:
    """Yield the messages of the readings; `cars` is by VIN, as the readings spell it.

    Where the dialect has no order, those of one reading are shuffled; the same seed gives the same order. The
    last message of a reading carries its time, so that a reading counts as published with it. `first_number`
    is the number of the first message.
    """
    numbers = count(first_number)
    for due_s, vin, reading in due_readings:
        burst = encoder.encode(reading, cars[vin])
        if encoder.is_unordered:
            Random(f"{seed}-{vin}-{reading['ts']}").shuffle(burst)
        for left, message in zip(range(len(burst) - 1, -1, -1), burst, strict=True):
            topic, payload, qos, retain = encoder.numbered(message, next(numbers))
            times = () if left else (reading["ts"],)
            yield Message(due_s, topic, payload, vin, times, qos, retain)
