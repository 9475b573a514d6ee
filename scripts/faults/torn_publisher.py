"""A publisher that sends each reading as one message a signal, the messages of many readings mixed."""

from collections import Counter, deque

from scripts.faults import numbered_reading
from scripts.faults.journaled_publisher import Publisher
from scripts.launcher.mqtt_session import Acknowledgement

# A signal is sent so many readings later than the one before: some of them fall into the same batch.
_LATER_BY = (0, 40, 400)


class TornPublisher(Publisher):
    """A device that sends one signal a message; a reading is acknowledged with its last signal."""

    def __init__(self, host: str, port: int, *, first: int, rate: float, poison_every: int = 0) -> None:
        self._waiting: tuple[deque[int], ...] = tuple(deque() for _ in _LATER_BY)
        """Numbers whose signal is still to be sent, for each signal."""
        self._unacknowledged: Counter[int] = Counter()
        """Messages without an acknowledgement, by number."""
        super().__init__(host, port, first=first, rate=rate, poison_every=poison_every)

    def _send(self, *, may_be_bad: bool = True) -> int:
        if not may_be_bad:
            # The last reading, by whose row the end is known: whole, and after all others.
            self._send_waiting(keep=False)
            self._unacknowledged[self._number] += 1
            return super()._send(may_be_bad=False)
        number, self._number = self._number, self._number + 1
        self.journal.sent.add(number)
        self._unacknowledged[number] += len(_LATER_BY)
        for numbers in self._waiting:
            numbers.append(number)
        self._send_waiting(keep=True)
        return number

    def _send_waiting(self, *, keep: bool) -> None:
        for numbers, later_by, part in zip(self._waiting, _LATER_BY, numbered_reading.PARTS, strict=True):
            while len(numbers) > (later_by if keep else 0):
                number = numbers.popleft()
                topic = self._topic(numbered_reading.row(numbered_reading.MQTT, number).vin)
                self._in_flight[self._session.publish(topic, numbered_reading.piece(number, part)).mid] = (
                    number
                )

    def _record_acks(self) -> None:
        for arrival in self._session.arrivals():
            if not isinstance(arrival, Acknowledgement):
                continue
            number = self._in_flight.pop(arrival.mid)
            self._unacknowledged[number] -= 1
            if not self._unacknowledged[number]:
                self.journal.acknowledged[number] = arrival.at

    def _await_acks(self) -> None:
        self._send_waiting(keep=False)
        super()._await_acks()
