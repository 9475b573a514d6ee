"""Consumers that move messages from the broker into the database, and the times they take."""

import time
from collections.abc import Sequence
from typing import Protocol, TypeVar

from scripts.bench import publisher
from scripts.bench.bench_error import MeasureError
from scripts.launcher.broker import Broker

_DROPPED = "exceeded timeout"


class Publications(Protocol):
    """Whole MQTT packets, with all that a sink must know of them."""

    @property
    def publications(self) -> Sequence[bytes]:
        """The packets in the order of publication."""


L_contra = TypeVar("L_contra", bound=Publications, contravariant=True)
L = TypeVar("L", bound=Publications)


class Sink(Protocol[L_contra]):
    """A consumer with a durable session at its broker, subscribed."""

    broker: Broker

    def hold(self) -> None:
        """Freeze the consumer: messages published from now on are queued."""

    def release(self) -> None:
        """Resume the consumer."""

    def await_stored(self, load: L_contra) -> None:
        """Wait until all is in the database, each once. Raises MeasureError where it is not."""


def make_backlog(sink: Sink[L], load: L) -> None:
    """Queue a backlog at the broker while the sink is frozen."""
    sink.hold()
    publisher.send(sink.broker, load.publications)


def drain_backlog(sink: Sink[L], load: L) -> float:
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


def backlog_seconds(sink: Sink[L], load: L) -> float:
    """Measure the seconds to store a backlog, without its publication and the start of a process."""
    make_backlog(sink, load)
    return drain_backlog(sink, load)


def live_seconds(sink: Sink[L], load: L) -> float:
    """Measure the seconds to store messages published meanwhile, as fast as the broker acknowledges them."""
    began = time.monotonic()
    publisher.send(sink.broker, load.publications)
    sink.await_stored(load)
    return time.monotonic() - began
