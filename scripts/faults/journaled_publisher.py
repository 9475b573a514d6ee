"""Publishes numbered readings at QoS 1 and writes down which of them the broker acknowledged."""

import threading
import time
from collections import deque
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal
from shared.wire.topics import telemetry_topic

_LAST_ACKS_S = 30.0
_TICK_S = 0.005
# Far from the 65,535 packet ids: paho can't give one out twice.
_MOST_IN_FLIGHT = 40_000
_MOST_AT_ONCE = 10_000


class Publisher(threading.Thread):
    """Sends `rate` readings a second from the number `first` on, through every loss of the link.

    paho sends again what was not acknowledged, on each new connection. `poison_every` makes each
    so-many-th reading a bad one.
    """

    def __init__(self, host: str, port: int, *, first: int, rate: float, poison_every: int = 0) -> None:
        super().__init__(name="publisher", daemon=True)
        self.journal = Journal(numbered_reading.MQTT)
        self.last: int | None = None
        self._number = first
        self._rate = rate
        self._poison_every = poison_every
        self._patience_s = _LAST_ACKS_S
        self._finishing = threading.Event()
        self._resting = threading.Event()
        self._in_flight: dict[int, int] = {}
        self._acks: deque[tuple[int, float]] = deque()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="fault-publisher", clean_session=False
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.max_inflight_messages_set(1000)
        self._client.on_publish = self._on_publish
        self._prepare(self._client)
        self._client.connect(host, port)

    def run(self) -> None:
        self._client.loop_start()
        began, sent = time.monotonic(), 0
        while not self._finishing.is_set():
            due = int((time.monotonic() - began) * self._rate)
            holds_back = self._resting.is_set() or len(self._in_flight) > _MOST_IN_FLIGHT
            for _ in range(0 if holds_back else min(due - sent, _MOST_AT_ONCE)):
                self._send()
            sent = max(due, sent)
            self._settle()
            self._finishing.wait(_TICK_S)
        self._settle_all()
        # Behind everything else in the broker's queue: once it is stored, the queue is empty.
        self.last = self._send(may_be_bad=False)
        self._settle_all()
        self._client.disconnect()
        self._client.loop_stop()
        # A circle of references would leave its sockets to the garbage collector.
        self._client.on_publish = None

    def finish(self) -> None:
        """Stop sending, wait for the last acknowledgements, take leave."""
        self._finishing.set()
        self.join()

    def hush(self) -> None:
        """Send nothing new until `go_on`."""
        self._resting.set()

    def rest(self) -> None:
        """The same; returns when everything sent is acknowledged, or after a while."""
        self.hush()
        time.sleep(10 * _TICK_S)
        deadline = time.monotonic() + _LAST_ACKS_S
        while self._is_waiting and time.monotonic() < deadline:
            time.sleep(_TICK_S)

    def go_on(self) -> None:
        """Send again; what fell due meanwhile is left out."""
        self._resting.clear()

    def abandon(self) -> None:
        """Stop without waiting for anything; one that has finished is left alone."""
        self._patience_s = 0
        self.finish()

    @property
    def sent(self) -> int:
        """How many readings have been sent."""
        return len(self.journal.sent)

    @property
    def _is_waiting(self) -> bool:
        """Whether something that was sent has not been acknowledged."""
        return bool(self._in_flight)

    def _prepare(self, client: paho.Client) -> None:
        """For who wants to know more than this one; before it connects."""

    def _topic(self, vin: str) -> str:
        return telemetry_topic(vin)

    def _send(self, *, may_be_bad: bool = True) -> int:
        number, self._number = self._number, self._number + 1
        is_bad = may_be_bad and self._poison_every > 0 and number % self._poison_every == 0
        if is_bad:
            self.journal.bad.add(number)
        self.journal.sent.add(number)
        topic = self._topic(numbered_reading.row(numbered_reading.MQTT, number).vin)
        text = numbered_reading.poison(number) if is_bad else numbered_reading.payload(number)
        self._in_flight[self._client.publish(topic, text, qos=1).mid] = number
        return number

    def _settle(self) -> None:
        while self._acks:
            mid, moment = self._acks.popleft()
            self.journal.acknowledged[self._in_flight.pop(mid)] = moment

    def _settle_all(self) -> None:
        began = time.monotonic()
        self._settle()
        while self._is_waiting and time.monotonic() - began < self._patience_s:
            time.sleep(_TICK_S)
            self._settle()

    def _on_publish(
        self,
        _client: paho.Client,
        _userdata: Any,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        # In paho's thread, perhaps before `publish` has returned: the other thread sorts it in.
        self._acks.append((mid, time.monotonic()))
