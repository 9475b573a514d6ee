"""A publisher at QoS 1 with prepared packets, which counts the acknowledgements."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice, pairwise

from scripts.bench import packets
from scripts.bench.bench_error import MeasureError
from scripts.bench.link import Link
from scripts.launcher.broker import Broker

# Unacknowledged messages of one connection: enough that the broker never waits for the next one.
_WINDOW = 200
# The time between two reads of acknowledgements: one read for many of them is cheap.
_TICK_S = 0.001
_TIMEOUT_S = 60.0


class _WindowedLink:
    """One connection with as many messages in flight as its window allows."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._in_flight = 0

    def step(self, source: Iterator[bytes]) -> int:
        """Read the acknowledgements that have arrived and fill the window; returns the number of
        acknowledgements.
        """
        acknowledged = sum(kind == packets.PUBACK for kind, _body in self._link.receive(within=0))
        self._in_flight -= acknowledged
        if self._in_flight <= _WINDOW // 2:
            sent = list(islice(source, _WINDOW - self._in_flight))
            if sent:
                self._link.send(b"".join(sent))
            self._in_flight += len(sent)
        return acknowledged


def rate(broker: Broker, publications: Sequence[bytes], *, connections: int, seconds: float) -> float:
    """Publish the publications over and over for `seconds`; returns the messages/s acknowledged by the
    broker.
    """
    source = cycle(publications)
    with ExitStack() as stack:
        links = [_WindowedLink(stack.enter_context(Link(broker))) for _ in range(connections)]
        began = time.monotonic()
        acknowledged = 0
        while (now := time.monotonic()) - began < seconds:
            acknowledged += sum(windowed.step(source) for windowed in links)
            time.sleep(_TICK_S)
        return acknowledged / (now - began)


def send(broker: Broker, publications: Sequence[bytes]) -> None:
    """Publish each once, in order; returns when all are acknowledged. Raises MeasureError."""
    source = iter(publications)
    with Link(broker) as link:
        windowed = _WindowedLink(link)
        left, answered_at = len(publications), time.monotonic()
        while left:
            if acknowledged := windowed.step(source):
                left, answered_at = left - acknowledged, time.monotonic()
            elif time.monotonic() - answered_at > _TIMEOUT_S:
                raise _no_answer(broker)
            time.sleep(_TICK_S)


def send_steadily(broker: Broker, publications: Sequence[bytes], *, a_second: float) -> None:
    """Publish each once, in order, so many a second; returns when all are acknowledged.

    Raises MeasureError.
    """
    with Link(broker) as link:
        began = answered_at = time.monotonic()
        sent, left = 0, len(publications)
        while left:
            now = time.monotonic()
            due = min(int((now - began) * a_second), len(publications))
            link.send(b"".join(publications[sent:due]))
            sent = due
            if acknowledged := sum(kind == packets.PUBACK for kind, _body in link.receive(within=_TICK_S)):
                left, answered_at = left - acknowledged, now
            elif now - answered_at > _TIMEOUT_S:
                raise _no_answer(broker)


def longest_pause(broker: Broker, publication: bytes, *, a_second: float, seconds: float) -> float:
    """Publish steadily; returns the longest time in ms without an acknowledgement."""
    with Link(broker) as link:
        began = time.monotonic()
        moments, sent = [began], 0
        while (now := time.monotonic()) - began < seconds:
            due = int((now - began) * a_second)
            link.send(publication * (due - sent))
            sent = due
            if any(kind == packets.PUBACK for kind, _body in link.receive(within=_TICK_S)):
                moments.append(time.monotonic())
        moments.append(time.monotonic())
    return 1000 * max(later - earlier for earlier, later in pairwise(moments))


def _no_answer(broker: Broker) -> MeasureError:
    return MeasureError("The broker has stopped acknowledging.", log=broker.log, tail=broker.tail())
