"""Consumers that move messages from the broker into the database, and the times they take."""

import time
from typing import Protocol

from scripts.bench import publisher
from scripts.bench.bench_error import MeasureError
from scripts.bench.load import Load
from scripts.launcher.broker import Broker

_DROPPED = "exceeded timeout"


class Sink(Protocol):
    """A consumer with a durable session at its broker, subscribed."""

    broker: Broker

    def hold(self) -> None:
        """Freeze the consumer: messages published from now on are queued."""

    def release(self) -> None:
        """Resume the consumer."""

    def await_stored(self, load: Load) -> None:
        """Wait until all is in the database, each once. Raises MeasureError where it is not."""


def make_backlog(sink: Sink, load: Load) -> None:
    """Queue a backlog at the broker while the sink is frozen."""
    sink.hold()
    publisher.send(sink.broker, load.publications)


def drain_backlog(sink: Sink, load: Load) -> float:
    """Resume the sink; returns the seconds until the backlog is stored.

    Raises MeasureError where the broker has dropped the session.
    """
    began = time.monotonic()
    sink.release()
    sink.await_stored(load)
    took = time.monotonic() - began
    if _DROPPED in sink.broker.log.read_text(errors="replace"):
        raise MeasureError("It was held so long that the broker gave it up: measure with fewer --messages.")
    return took


def backlog_seconds(sink: Sink, load: Load) -> float:
    """Measure the seconds to store a backlog, without its publication and the start of a process."""
    make_backlog(sink, load)
    return drain_backlog(sink, load)


def live_seconds(sink: Sink, load: Load) -> float:
    """Measure the seconds to store messages published meanwhile, as fast as the broker acknowledges them."""
    began = time.monotonic()
    publisher.send(sink.broker, load.publications)
    sink.await_stored(load)
    return time.monotonic() - began
