"""A publisher that takes a reading's receipt for its acknowledgement, and publishes it again until then."""

import itertools
import json
import time
from collections import deque
from typing import Any

import paho.mqtt.client as paho

from scripts.faults import numbered_reading
from scripts.faults.journaled_publisher import Publisher
from shared.wire.timestamps import parse_timestamp
from shared.wire.topics import receipts_topic, telemetry_topic

_REPUBLISH_AFTER_S = 3.0


class ConfirmingPublisher(Publisher):
    """A vehicle that can't afford the messages that a broker may lose."""

    def _prepare(self, client: paho.Client) -> None:
        self._receipts: deque[tuple[bytes, float]] = deque()
        self._unconfirmed: dict[int, float] = {}
        """Time of the last publication by number; the oldest comes first."""
        client.on_connect = lambda client, *_rest: client.subscribe(receipts_topic("+"), qos=1)
        client.on_message = self._on_message

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
        while self._acks:
            self._in_flight.pop(self._acks.popleft()[0])
        while self._receipts:
            content, moment = self._receipts.popleft()
            answer = json.loads(content)
            for ts in answer["stored"] + answer["duplicate"]:
                number = numbered_reading.number_of(parse_timestamp(ts))
                if self._unconfirmed.pop(number, None) is not None:
                    self.journal.acknowledged[number] = moment
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
                self._in_flight[self._client.publish(topic, numbered_reading.payload(number), qos=1).mid] = (
                    number
                )

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        # paho's thread: the other thread evaluates the receipt.
        self._receipts.append((bytes(message.payload), time.monotonic()))
