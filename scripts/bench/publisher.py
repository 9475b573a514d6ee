"""Publishes at QoS 1, with packets made beforehand, and counts the acknowledgements."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice, pairwise

from scripts.bench import packets
from scripts.bench.bench_error import MeasureError
from scripts.bench.link import Link
from scripts.launcher.broker import Broker

# Unacknowledged messages of one connection: enough that the broker always has the next one at hand.
_WINDOW = 200
# Between two looks at the acknowledgements: one look for many of them is what makes this cheap.
_TICK_S = 0.001
_PATIENCE_S = 60.0


class _Lane:
    """One connection, with as much under way as its window allows."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._under_way = 0

    def step(self, source: Iterator[bytes]) -> int:
        """Take the acknowledgements that have come, send what there is room for; returns how many came."""
        acknowledged = sum(kind == packets.PUBACK for kind, _body in self._link.receive(within=0))
        self._under_way -= acknowledged
        if self._under_way <= _WINDOW // 2:
            sent = list(islice(source, _WINDOW - self._under_way))
            if sent:
                self._link.send(b"".join(sent))
            self._under_way += len(sent)
        return acknowledged


def rate(broker: Broker, publications: Sequence[bytes], *, connections: int, seconds: float) -> float:
    """Messages a second that the broker acknowledges when it is sent the publications over and over."""
    source = cycle(publications)
    with ExitStack() as stack:
        lanes = [_Lane(stack.enter_context(Link(broker))) for _ in range(connections)]
        began = time.monotonic()
        acknowledged = 0
        while (now := time.monotonic()) - began < seconds:
            acknowledged += sum(lane.step(source) for lane in lanes)
            time.sleep(_TICK_S)
        return acknowledged / (now - began)


def send(broker: Broker, publications: Sequence[bytes]) -> None:
    """Publish each once, in their order; returns when all are acknowledged."""
    source = iter(publications)
    with Link(broker) as link:
        lane = _Lane(link)
        left, heard = len(publications), time.monotonic()
        while left:
            if acknowledged := lane.step(source):
                left, heard = left - acknowledged, time.monotonic()
            elif time.monotonic() - heard > _PATIENCE_S:
                raise MeasureError(
                    "The broker has stopped acknowledging.", log=broker.log, tail=broker.tail()
                )
            time.sleep(_TICK_S)


def longest_pause(broker: Broker, publication: bytes, *, a_second: float, seconds: float) -> float:
    """The longest time, in ms, without an acknowledgement, to someone who publishes steadily."""
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
