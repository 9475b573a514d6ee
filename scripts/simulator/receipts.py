"""Bookkeeping of receipts: readings without one, and messages due to be published again.

A receipt names readings, not the message that it answers. No network here, and the clock is passed in.
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
"""Delays from the broker's acknowledgement to the next publication; the last one repeats.

The first is many times the 0.2 s of a receipt, so that a slow batch causes no copies. With the last, an
outage of the database for an hour leaves some 60 copies of a window at the broker, about 100 MB of 512 MiB.
"""


@dataclass(slots=True, eq=False)
class PendingMessage:
    """A published message, until receipts have named all of its readings."""

    message: Message
    without_receipt: int
    delay: int = 0
    """Index of the delay before the next publication."""


class Receipts:
    """Outstanding readings, and counts of the answers.

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
        self._open: dict[Key, PendingMessage] = {}
        self._queued_for_key: dict[Key, deque[PendingMessage]] = {}
        # Messages with the same delay fall due in the order of arrival; a settled one is removed at once.
        self._waiting: list[OrderedDict[PendingMessage, float]] = [OrderedDict() for _ in delays_s]

    @property
    def settled(self) -> int:
        """The number of readings that a receipt has named."""
        return self.stored + self.duplicate + self.rejected.total()

    def expect(self, message: Message) -> PendingMessage:
        """Register a message that is published for the first time."""
        keys = message.keys()
        pending = PendingMessage(message, len(keys))
        for key in keys:
            if key in self._open:
                self._queued_for_key.setdefault(key, deque()).append(pending)
            else:
                self._open[key] = pending
        self.open_messages += 1
        return pending

    def acknowledged(self, pending: PendingMessage, now: float) -> None:
        """Start the retry delay of a message that the broker has acknowledged."""
        if pending.without_receipt:
            self._waiting[pending.delay][pending] = now + self._delays_s[pending.delay]

    def due(self, now: float) -> Iterator[PendingMessage]:
        """Yield the messages to publish again now; the next delay of each starts with its acknowledgement."""
        for waiting in self._waiting:
            while waiting:
                pending, moment = next(iter(waiting.items()))
                if moment > now:
                    break
                del waiting[pending]
                pending.delay = min(pending.delay + 1, len(self._delays_s) - 1)
                self.republished += 1
                yield pending

    def receive(self, topic: str, payload: bytes) -> None:
        """Settle the readings that a receipt names; ignores keys of others, and those settled before."""
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
        pending = self._open.pop(key, None)
        if pending is None:
            return False
        if queued := self._queued_for_key.get(key):
            self._open[key] = queued.popleft()
            if not queued:
                del self._queued_for_key[key]
        pending.without_receipt -= 1
        if not pending.without_receipt:
            self.open_messages -= 1
            self._waiting[pending.delay].pop(pending, None)
        return True


class _BrokenReceiptError(Exception):
    pass


class _Receipt(NamedTuple):
    stored: list[Key]
    duplicate: list[Key]
    rejected: list[tuple[Key, str]]


def _read(topic: str, payload: bytes) -> _Receipt:
    """Parse a receipt. Raises _BrokenReceiptError unless all of it follows the contract."""
    try:
        vin = normalise_vin(topic.split("/")[1])
        content = parse_json(payload)
        return _Receipt(
            [key_of(vin, ts) for ts in _list(content["stored"])],
            [key_of(vin, ts) for ts in _list(content["duplicate"])],
            # An entry without a ts is none of our readings: all of ours have one.
            [
                (key_of(vin, entry["ts"]), _text(entry["reason"]))
                for entry in _list(content["rejected"])
                if entry["ts"] is not None
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
