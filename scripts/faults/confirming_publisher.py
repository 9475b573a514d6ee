"""A publisher that takes a reading's receipt for its acknowledgement, and publishes it again until then."""

import itertools
import json
import time

from scripts.faults import numbered_reading
from scripts.faults.journaled_publisher import Publisher
from scripts.launcher.mqtt_session import Acknowledgement
from shared.wire.timestamps import parse_timestamp
from shared.wire.topics import receipts_topic, telemetry_topic

_REPUBLISH_AFTER_S = 3.0


class ConfirmingPublisher(Publisher):
    """A vehicle that can't afford the messages that a broker may lose."""

    subscription = receipts_topic("+")

    def __init__(self, host: str, port: int, *, first: int, rate: float, poison_every: int = 0) -> None:
        super().__init__(host, port, first=first, rate=rate, poison_every=poison_every)
        self._unconfirmed: dict[int, float] = {}
        """Time of the last publication by number; the oldest comes first."""

    @property
    def unconfirmed(self) -> int:
        """The number of readings without a receipt."""
        return len(self._unconfirmed)

    @property
    def _has_unacknowledged(self) -> bool:
        return bool(self._unconfirmed)

    def _topic(self, vin: str) -> str:
        return telemetry_topic(vin, confirm=True)

    def _send(self, *, may_be_bad: bool = True) -> int:
        number = super()._send(may_be_bad=may_be_bad)
        self._unconfirmed[number] = time.monotonic()
        return number

    def _record_acks(self) -> None:
        for arrival in self._session.arrivals():
            if isinstance(arrival, Acknowledgement):
                self._in_flight.pop(arrival.mid)
                continue
            answer = json.loads(arrival.payload)
            for ts in answer["stored"] + answer["duplicate"]:
                number = numbered_reading.number_of(parse_timestamp(ts))
                if self._unconfirmed.pop(number, None) is not None:
                    self.journal.acknowledged[number] = arrival.at
        self._republish()

    def _republish(self) -> None:
        now = time.monotonic()
        due = list(
            itertools.takewhile(lambda sent: now - sent[1] >= _REPUBLISH_AFTER_S, self._unconfirmed.items())
        )
        # paho itself sends messages without a PUBACK again.
        in_flight = set(self._in_flight.values()) if due else set()
        for number, _ in due:
            # Moved behind all others.
            del self._unconfirmed[number]
            self._unconfirmed[number] = now
            if number not in in_flight:
                topic = self._topic(numbered_reading.row(numbered_reading.MQTT, number).vin)
                self._in_flight[self._session.publish(topic, numbered_reading.payload(number)).mid] = number
