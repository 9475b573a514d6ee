"""Publishing, with counts of what is answered.

Everything is counted on the thread that calls `publish` and `collect`, so no lock is needed.

paho itself sends unacknowledged messages again; messages without a receipt are published again from here. A
message of QoS 0 has no acknowledgement: it counts as acknowledged once it is written to the socket, and is
lost where there is no connection.

Each vehicle publishes `online` on every connect and `offline` at a clean end, retained. A connection has one
last will, on one topic: a lone vehicle's will is `offline`. Several vehicles on one connection have none,
since a will for one of them would make the others look alive: after a kill they become stale and offline by
their age.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import NamedTuple

from scripts.launcher.broker_address import BrokerAddress
from scripts.launcher.mqtt_session import Acknowledgement, FirstMessage, MqttSession, Received, was_sent
from scripts.simulator.dialects.encoder import Opening
from scripts.simulator.message import Message
from scripts.simulator.receipts import PendingMessage, Receipts
from shared.settings import BrokerSettings, InvalidSettingsError
from shared.wire.connectivity import Status
from shared.wire.topics import receipts_topic, status_topic

_CONNECT_S = 5.0
_KEEPALIVE_S = 20
_MAX_RECONNECT_DELAY_S = 4
_SLICE_S = 0.2
_STATUS_TIMEOUT_S = 5.0
_RECEIPTS = receipts_topic("+")


class BrokerUnreachableError(Exception):
    """No session with the broker could be opened; the message names it, the reason and a remedy."""


class _InFlight(NamedTuple):
    """A publication without the broker's acknowledgement."""

    first: int
    """Number of its readings that are published for the first time."""
    pending: PendingMessage | None


class _Unsent(NamedTuple):
    """A publication of QoS 0 that paho may still hold."""

    state: Callable[[], bool | None]
    """None while paho holds it, then whether it was sent."""
    readings: int


class Publisher:
    """A session with the broker, with at most `window` unanswered messages.

    The answer is the broker's acknowledgement; with `receipts`, it is the receipt for each reading. When the
    connection is lost, paho connects again and sends the unacknowledged messages again. With `opening`, each
    connection publishes births first, and again on command.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        window: int,
        receipts: Receipts | None = None,
        opening: Opening | None = None,
    ) -> None:
        self.published = 0
        """Readings handed to paho."""
        self.acknowledged = 0
        """Readings whose message the broker has acknowledged."""
        self.messages = 0
        self.lost = 0
        """Messages of QoS 0 that found no connection."""
        self.receipts = receipts
        self._opening = opening
        self._settings = settings
        self._window = window
        self._outstanding: dict[int, _InFlight] = {}
        self._unsent: deque[_Unsent] = deque()
        self._vins: Sequence[str] = ()
        self._session = self._build_session()

    @property
    def connected(self) -> bool:
        """With receipts, True only once subscribed to them."""
        return self._session.is_open

    @property
    def answered(self) -> int:
        """The number of published readings with an answer."""
        return self.acknowledged if self.receipts is None else self.receipts.settled

    @property
    def unanswered(self) -> int:
        """The number of published readings without an answer."""
        return self.published - self.answered

    @property
    def full(self) -> bool:
        """True while the window is used up: collect first."""
        waiting = self.receipts.open_messages if self.receipts is not None else 0
        return max(len(self._outstanding) + len(self._unsent), waiting) >= self._window

    def connect(self, vins: Sequence[str] = ()) -> None:
        """Open a session for these vehicles. Raises BrokerUnreachableError after 5 s at the most."""
        self._vins = vins
        self._session.first_messages = [FirstMessage(status_topic(vin), Status.ONLINE) for vin in vins]
        will = FirstMessage(status_topic(vins[0]), Status.OFFLINE) if len(vins) == 1 else None
        if self._opening is not None:
            self._session.first_messages = [FirstMessage(*birth) for birth in self._opening.births]
            will = FirstMessage(*self._opening.death)
        try:
            self._session.connect(will)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise self._unreachable(reason or str(error)) from None
        if self._session.wait_until_open(_CONNECT_S):
            return
        self.close()
        if self._session.refusal:
            raise self._unreachable(self._session.refusal, "Check MQTT_USERNAME and MQTT_PASSWORD.")
        raise self._unreachable(f"no MQTT answer within {_CONNECT_S:.0f} s")

    def publish(self, message: Message) -> None:
        """Hand the message to paho, which sends it now or after the next connect. Call only if not `full`."""
        pending = self.receipts.expect(message) if self.receipts is not None else None
        self._send(message, _InFlight(message.readings, pending))
        self.published += message.readings
        self.messages += 1

    def collect(self, timeout_s: float = 0.0) -> None:
        """Count the answers that have arrived, waiting up to `timeout_s` for the first.

        Publishes again the messages that are due for it.
        """
        for arrival in self._session.arrivals(timeout_s):
            self._handle(arrival)
        while self._unsent and (sent := self._unsent[0].state()) is not None:
            readings = self._unsent.popleft().readings
            if sent:
                self.acknowledged += readings
            else:
                self.lost += 1
        if self.receipts is not None:
            for pending in self.receipts.due(monotonic()):
                self._send(pending.message, _InFlight(0, pending))

    def wait_for_acks(self, timeout_s: float, meanwhile: Callable[[], None]) -> None:
        """Collect until all is acknowledged, or until `timeout_s` has passed without an acknowledgement."""
        deadline = monotonic() + timeout_s
        while (self._outstanding or self._unsent) and (left := deadline - monotonic()) > 0:
            before = self.acknowledged
            self.collect(min(_SLICE_S, left))
            if self.acknowledged > before:
                deadline = monotonic() + timeout_s
            meanwhile()

    def close(self) -> None:
        if self._session.is_connected:
            deadline = monotonic() + _STATUS_TIMEOUT_S
            # Wait for the PUBACKs before the DISCONNECT: closing a socket with unread answers discards data
            # that the broker has not read, and after a DISCONNECT the broker publishes no will.
            last = [FirstMessage(status_topic(vin), Status.OFFLINE) for vin in self._vins]
            if self._opening is not None:
                last.append(FirstMessage(*self._opening.death))
            for sent in [self._session.publish_first(message) for message in last]:
                # The link may be lost meanwhile.
                with suppress(RuntimeError):
                    sent.wait_for_publish(max(0.0, deadline - monotonic()))
        self._session.close()

    def _send(self, message: Message, in_flight: _InFlight) -> None:
        sent = self._session.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        if message.qos:
            self._outstanding[sent.mid] = in_flight
        else:
            self._unsent.append(_Unsent(partial(was_sent, sent), message.readings))

    def _handle(self, arrival: Acknowledgement | Received) -> None:
        if isinstance(arrival, Received):
            if self.receipts is not None:
                self.receipts.receive(arrival.topic, arrival.payload)
            elif self._opening is not None and self._opening.rebirth in arrival.payload:
                for birth in self._opening.births:
                    self._session.publish_first(FirstMessage(*birth))
        # A status has no entry: it is no reading.
        elif arrival.mid in self._outstanding:
            first, pending = self._outstanding.pop(arrival.mid)
            self.acknowledged += first
            if self.receipts is not None and pending is not None:
                self.receipts.acknowledged(pending, monotonic())

    def _build_session(self) -> MqttSession:
        commands = None if self._opening is None else self._opening.commands
        try:
            return MqttSession(
                BrokerAddress.from_settings(self._settings),
                subscription=_RECEIPTS if self.receipts is not None else commands,
                # paho must not hold messages back itself: the window here is the only one.
                most_in_flight=0,
                longest_reconnect_delay_s=_MAX_RECONNECT_DELAY_S,
                keepalive_s=_KEEPALIVE_S,
            )
        except OSError:
            raise InvalidSettingsError("MQTT_TLS_CA_FILE: holds no certificate (PEM)") from None

    def _unreachable(
        self, reason: str, advice: str = "Start the broker, or set these variables to where it runs."
    ) -> BrokerUnreachableError:
        settings = self._settings
        return BrokerUnreachableError(
            f"no session with the broker at MQTT_HOST={settings.mqtt_host} MQTT_PORT={settings.mqtt_port}:"
            f" {reason}. {advice}"
        )
