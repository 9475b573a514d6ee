"""Which published readings have no receipt yet, and which messages are due to be published again.

A receipt names readings, not the message that it answers. Pure: no network, and the clock is handed in.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scripts.simulator.message import Message
from scripts.simulator.reading import Key, key_of
from shared.wire.reading import normalise_vin
from shared.wire.strict_json import parse_json

RETRY_DELAYS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
"""From the broker's acknowledgement to the next publication; the last one repeats.

The first is many times the 0.2 s that a receipt takes, so that a slow batch costs no copies. With the last,
a database that is away for an hour leaves the broker some 60 copies of a window, about 100 MB of 512 MiB.
"""


@dataclass(slots=True, eq=False)
class Slip:
    """A published message, until receipts have named all of its readings."""

    message: Message
    without_receipt: int
    delay: int = 0
    """Which of the delays precedes the next publication."""


class Receipts:
    """What is outstanding, and what the receipts said.

    Of several outstanding readings with one key, each naming settles the one published first.
    """

    def __init__(self, delays_s: Sequence[float] = RETRY_DELAYS_S) -> None:
        self.stored = 0
        self.duplicate = 0
        self.rejected: Counter[str] = Counter()
        """By reason."""
        self.broken = 0
        """Receipts that could not be read."""
        self.republished = 0
        """Messages published again, each time counted."""
        self.open_messages = 0
        self._delays_s = delays_s
        self._open: dict[Key, Slip] = {}
        self._twins: dict[Key, deque[Slip]] = {}
        # Slips with the same delay fall due in the order in which they came; a settled one leaves at once.
        self._waiting: list[OrderedDict[Slip, float]] = [OrderedDict() for _ in delays_s]

    @property
    def settled(self) -> int:
        """Readings that a receipt has named."""
        return self.stored + self.duplicate + self.rejected.total()

    def expect(self, message: Message) -> Slip:
        """A message was published for the first time."""
        keys = message.keys()
        slip = Slip(message, len(keys))
        for key in keys:
            if key in self._open:
                self._twins.setdefault(key, deque()).append(slip)
            else:
                self._open[key] = slip
        self.open_messages += 1
        return slip

    def acknowledged(self, slip: Slip, now: float) -> None:
        """The broker has the message: from here on its receipt is waited for."""
        if slip.without_receipt:
            self._waiting[slip.delay][slip] = now + self._delays_s[slip.delay]

    def due(self, now: float) -> Iterator[Slip]:
        """The messages to publish again now; each waits again once it is acknowledged again."""
        for waiting in self._waiting:
            while waiting:
                slip, moment = next(iter(waiting.items()))
                if moment > now:
                    break
                del waiting[slip]
                slip.delay = min(slip.delay + 1, len(self._delays_s) - 1)
                self.republished += 1
                yield slip

    def receive(self, topic: str, payload: bytes) -> None:
        """A receipt has come: settle what it names, ignore what isn't ours or was settled before."""
        try:
            receipt = _read(topic, payload)
        except _BrokenReceiptError:
            self.broken += 1
            return
        self.stored += sum(map(self._settle, receipt.stored))
        self.duplicate += sum(map(self._settle, receipt.duplicate))
        for key, reason in receipt.rejected:
            if self._settle(key):
                self.rejected[reason] += 1

    def _settle(self, key: Key) -> bool:
        slip = self._open.pop(key, None)
        if slip is None:
            return False
        if twins := self._twins.get(key):
            self._open[key] = twins.popleft()
            if not twins:
                del self._twins[key]
        slip.without_receipt -= 1
        if not slip.without_receipt:
            self.open_messages -= 1
            self._waiting[slip.delay].pop(slip, None)
        return True


class _BrokenReceiptError(Exception):
    pass


class _Receipt(NamedTuple):
    stored: list[Key]
    duplicate: list[Key]
    rejected: list[tuple[Key, str]]


def _read(topic: str, payload: bytes) -> _Receipt:
    """Raises _BrokenReceiptError unless all of it is as agreed."""
    try:
        vin = normalise_vin(topic.split("/")[1])
        content = parse_json(payload)
        return _Receipt(
            [key_of(vin, ts) for ts in _list(content["stored"])],
            [key_of(vin, ts) for ts in _list(content["duplicate"])],
            # Without a ts it names no reading of ours: all of ours have one.
            [
                (key_of(vin, told["ts"]), _text(told["reason"]))
                for told in _list(content["rejected"])
                if told["ts"] is not None
            ],
        )
    # ValueError: the JSON, a time or the VIN.
    except (KeyError, TypeError, ValueError):
        raise _BrokenReceiptError from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
