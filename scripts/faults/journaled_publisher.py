"""A publisher of numbered readings at QoS 1 that records the broker's acknowledgements."""

import threading
import time

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal
from scripts.launcher.broker_address import BrokerAddress
from scripts.launcher.mqtt_session import Acknowledgement, MqttSession
from shared.wire.topics import telemetry_topic

_LAST_ACKS_S = 30.0
_TICK_S = 0.005
# Far below the 65,535 packet ids, so that paho can't use one twice.
_MOST_IN_FLIGHT = 40_000
_MOST_AT_ONCE = 10_000
_CLIENT_ID = "fault-publisher"
_WINDOW = 1000


class Publisher(threading.Thread):
    """A thread that sends `rate` readings a second from the number `first` on, also while the link is lost.

    paho sends unacknowledged messages again on each new connection. With `poison_every`, each so-many-th
    reading is a bad one.
    """

    subscription: str | None = None

    def __init__(self, host: str, port: int, *, first: int, rate: float, poison_every: int = 0) -> None:
        super().__init__(name="publisher", daemon=True)
        self.journal = Journal(numbered_reading.MQTT)
        self.last: int | None = None
        self._number = first
        self._rate = rate
        self._poison_every = poison_every
        self._ack_timeout_s = _LAST_ACKS_S
        self._finishing = threading.Event()
        self._paused = threading.Event()
        self._in_flight: dict[int, int] = {}
        self._session = MqttSession(
            BrokerAddress(host, port),
            client_id=_CLIENT_ID,
            clean=False,
            subscription=self.subscription,
            most_in_flight=_WINDOW,
        )
        self._session.connect()

    def run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._finishing.is_set():
            due = int((time.monotonic() - began) * self._rate)
            is_paused = self._paused.is_set() or len(self._in_flight) > _MOST_IN_FLIGHT
            for _ in range(0 if is_paused else min(due - sent, _MOST_AT_ONCE)):
                self._send()
            sent = max(due, sent)
            self._record_acks()
            self._finishing.wait(_TICK_S)
        self._await_acks()
        # The last message in the broker's queue: once it is stored, the queue is empty.
        self.last = self._send(may_be_bad=False)
        self._await_acks()
        self._session.close()

    def finish(self) -> None:
        """Stop sending, wait for the last acknowledgements, disconnect."""
        self._finishing.set()
        self.join()

    def pause_sending(self) -> None:
        """Send no new reading until `resume_sending`."""
        self._paused.set()

    def pause_and_drain(self) -> None:
        """Pause, and wait until everything sent is acknowledged, for 30 s at the most."""
        self.pause_sending()
        time.sleep(10 * _TICK_S)
        deadline = time.monotonic() + _LAST_ACKS_S
        while self._has_unacknowledged and time.monotonic() < deadline:
            time.sleep(_TICK_S)

    def resume_sending(self) -> None:
        """Send again; readings that fell due during the pause are left out."""
        self._paused.clear()

    def abandon(self) -> None:
        """Stop without waiting for acknowledgements; no effect on a finished publisher."""
        self._ack_timeout_s = 0
        self.finish()

    @property
    def sent(self) -> int:
        """The number of readings sent."""
        return len(self.journal.sent)

    @property
    def _has_unacknowledged(self) -> bool:
        """True while a reading that was sent lacks its acknowledgement."""
        return bool(self._in_flight)

    def _topic(self, vin: str) -> str:
        return telemetry_topic(vin)

    def _payload(self, number: int) -> bytes:
        return numbered_reading.payload(number)

    def _send(self, *, may_be_bad: bool = True) -> int:
        number, self._number = self._number, self._number + 1
        is_bad = may_be_bad and self._poison_every > 0 and number % self._poison_every == 0
        if is_bad:
            self.journal.bad.add(number)
        self.journal.sent.add(number)
        topic = self._topic(numbered_reading.row(numbered_reading.MQTT, number).vin)
        text = numbered_reading.poison(number) if is_bad else self._payload(number)
        self._in_flight[self._session.publish(topic, text).mid] = number
        return number

    def _record_acks(self) -> None:
        for arrival in self._session.arrivals():
            if isinstance(arrival, Acknowledgement):
                self.journal.acknowledged[self._in_flight.pop(arrival.mid)] = arrival.at

    def _await_acks(self) -> None:
        began = time.monotonic()
        self._record_acks()
        while self._has_unacknowledged and time.monotonic() - began < self._ack_timeout_s:
            time.sleep(_TICK_S)
            self._record_acks()
