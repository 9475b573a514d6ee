"""What takes messages from the broker into the database, and how fast it is."""

import time
from typing import Protocol

from scripts.bench import publisher
from scripts.bench.bench_error import MeasureError
from scripts.bench.load import Load
from scripts.launcher.broker import Broker

_DROPPED = "exceeded timeout"


class Sink(Protocol):
    """Has a durable session at its broker, and is listening."""

    broker: Broker

    def hold(self) -> None:
        """Stand still: what is published from now on waits."""

    def release(self) -> None:
        """Go on."""

    def await_stored(self, load: Load) -> None:
        """Returns once all is in the database, each once. Raises MeasureError where it is not."""


def lay_up(sink: Sink, load: Load) -> None:
    """Make a backlog: the sink stands still, and all of it waits at the broker."""
    sink.hold()
    publisher.send(sink.broker, load.publications)


def work_off(sink: Sink, load: Load) -> float:
    """Seconds to store the backlog, from the moment the sink may go on."""
    began = time.monotonic()
    sink.release()
    sink.await_stored(load)
    took = time.monotonic() - began
    if _DROPPED in sink.broker.log.read_text(errors="replace"):
        raise MeasureError("It was held so long that the broker gave it up: measure with fewer --messages.")
    return took


def drained(sink: Sink, load: Load) -> float:
    """Seconds to store a backlog; neither its making nor the start of a process is in them."""
    lay_up(sink, load)
    return work_off(sink, load)


def kept_up(sink: Sink, load: Load) -> float:
    """Seconds to store what is published meanwhile, as fast as the broker acknowledges it."""
    began = time.monotonic()
    publisher.send(sink.broker, load.publications)
    sink.await_stored(load)
    return time.monotonic() - began
