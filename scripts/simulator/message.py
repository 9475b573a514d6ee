"""Messages to the broker: a reading, or an array of readings of one vehicle."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scripts.simulator.reading import DueReading, Key, encode, key_of
from shared.wire.decoder import MAX_PAYLOAD_BYTES
from shared.wire.topics import telemetry_topic


class Message(NamedTuple):
    """One publication, and its due time: seconds of real time after the first (0 = at once)."""

    due_s: float
    topic: str
    payload: bytes
    vin: str
    times: tuple[object, ...]
    """The `ts` of each of its readings."""
    qos: int = 1
    retain: bool = False

    @property
    def readings(self) -> int:
        """The number of readings."""
        return len(self.times)

    def keys(self) -> list[Key]:
        """Return the keys of the readings, as in a receipt."""
        return [key_of(self.vin, ts) for ts in self.times]


def messages(
    due_readings: Iterable[DueReading], per_message: int, *, confirm: bool = False
) -> Iterator[Message]:
    """Collect the readings of each vehicle in arrays of `per_message`; with 1, each is a message alone.

    An array leaves with its last reading, earlier where it would grow over 1 MiB, and at the end with the
    rest. With `confirm`, the topic is the one that requests receipts.
    """
    if per_message == 1:
        for due_s, vin, reading in due_readings:
            topic = telemetry_topic(vin, confirm=confirm)
            yield Message(due_s, topic, encode(reading), vin, (reading["ts"],))
        return
    open_arrays: dict[str, _Array] = {}
    due_s = 0.0
    for due_s, vin, reading in due_readings:
        piece = encode(reading)
        array = open_arrays.get(vin)
        if array and not array.has_room(piece):
            yield open_arrays.pop(vin).close(due_s)
            array = None
        if not array:
            array = open_arrays[vin] = _Array(vin, confirm=confirm)
        array.append(piece, reading["ts"])
        if len(array.pieces) == per_message:
            yield open_arrays.pop(vin).close(due_s)
    for array in open_arrays.values():
        yield array.close(due_s)


class _Array:
    def __init__(self, vin: str, *, confirm: bool) -> None:
        self.pieces: list[bytes] = []
        self._vin = vin
        self._topic = telemetry_topic(vin, confirm=confirm)
        self._times: list[object] = []
        self._bytes = 1

    def has_room(self, piece: bytes) -> bool:
        return self._bytes + len(piece) + 1 <= MAX_PAYLOAD_BYTES

    def append(self, piece: bytes, ts: object) -> None:
        self.pieces.append(piece)
        self._times.append(ts)
        self._bytes += len(piece) + 1

    def close(self, due_s: float) -> Message:
        payload = b"[" + b",".join(self.pieces) + b"]"
        return Message(due_s, self._topic, payload, self._vin, tuple(self._times))
