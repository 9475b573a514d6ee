"""Publishing at QoS 1; the only module here that imports paho.

paho's own thread does the network; its callbacks only queue events. Everything is counted on the thread that
calls `publish` and `collect`, so no lock is needed.

paho itself sends unacknowledged messages again; messages without a receipt are published again from here.

Each vehicle publishes `online` on every connect and `offline` at a clean end, retained. A connection has one
last will, on one topic: a lone vehicle's will is `offline`. Several vehicles on one connection have none,
since a will for one of them would make the others look alive: after a kill they become stale and offline by
their age.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

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


class Publisher:
    """A session with the broker, with at most `window` unanswered messages.

    The answer is the broker's acknowledgement; with `receipts`, it is the receipt for each reading. When the
    connection is lost, paho connects again and sends the unacknowledged messages again.
    """

    def __init__(self, settings: BrokerSettings, *, window: int, receipts: Receipts | None = None) -> None:
        self.published = 0
        """Readings handed to paho."""
        self.acknowledged = 0
        """Readings whose message the broker has acknowledged."""
        self.messages = 0
        self.connected = False
        """With receipts, True only once subscribed to them."""
        self.receipts = receipts
        self._settings = settings
        self._window = window
        self._outstanding: dict[int, _InFlight] = {}
        self._events: SimpleQueue[int | MQTTMessage] = SimpleQueue()
        self._handshake_done = Event()
        self._vins: Sequence[str] = ()
        self._refusal = ""
        self._client = self._build_client()

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
        return max(len(self._outstanding), waiting) >= self._window

    def connect(self, vins: Sequence[str] = ()) -> None:
        """Open a session for these vehicles. Raises BrokerUnreachableError after 5 s at the most."""
        self._vins = vins
        if len(vins) == 1:
            self._client.will_set(status_topic(vins[0]), Status.OFFLINE, qos=1, retain=True)
        try:
            self._client.connect(self._settings.mqtt_host, self._settings.mqtt_port, _KEEPALIVE_S)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise self._unreachable(reason or str(error)) from None
        self._client.loop_start()
        if self._handshake_done.wait(_CONNECT_S) and self.connected:
            return
        self.close()
        if self._refusal:
            raise self._unreachable(self._refusal, "Check MQTT_USERNAME and MQTT_PASSWORD.")
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
        try:
            event = self._events.get(timeout=timeout_s) if timeout_s > 0 else self._events.get_nowait()
            while True:
                self._handle(event)
                event = self._events.get_nowait()
        except Empty:
            pass
        if self.receipts is not None:
            for pending in self.receipts.due(monotonic()):
                self._send(pending.message, _InFlight(0, pending))

    def wait_for_acks(self, timeout_s: float, meanwhile: Callable[[], None]) -> None:
        """Collect until all is acknowledged, or until `timeout_s` has passed without an acknowledgement."""
        deadline = monotonic() + timeout_s
        while self._outstanding and (left := deadline - monotonic()) > 0:
            before = self.acknowledged
            self.collect(min(_SLICE_S, left))
            if self.acknowledged > before:
                deadline = monotonic() + timeout_s
            meanwhile()

    def close(self) -> None:
        if self._client.is_connected():
            deadline = monotonic() + _STATUS_TIMEOUT_S
            # Wait for the PUBACKs before the DISCONNECT: closing a socket with unread answers discards data
            # that the broker has not read, and after a DISCONNECT the broker publishes no will.
            for sent in self._publish_status(Status.OFFLINE):
                # The link may be lost meanwhile.
                with suppress(RuntimeError):
                    sent.wait_for_publish(max(0.0, deadline - monotonic()))
        self._client.disconnect()
        self._client.loop_stop()

    def _publish_status(self, status: Status) -> list[MQTTMessageInfo]:
        # Not counted as outstanding: a status is no reading.
        return [self._client.publish(status_topic(vin), status, qos=1, retain=True) for vin in self._vins]

    def _send(self, message: Message, in_flight: _InFlight) -> None:
        sent = self._client.publish(message.topic, message.payload, qos=1)
        self._outstanding[sent.mid] = in_flight

    def _handle(self, event: int | MQTTMessage) -> None:
        if isinstance(event, MQTTMessage):
            if self.receipts is not None:
                self.receipts.receive(event.topic, bytes(event.payload))
        elif event in self._outstanding:
            first, pending = self._outstanding.pop(event)
            self.acknowledged += first
            if self.receipts is not None and pending is not None:
                self.receipts.acknowledged(pending, monotonic())

    def _build_client(self) -> Client:
        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311, clean_session=True)
        client.connect_timeout = _CONNECT_S
        client.reconnect_delay_set(1, _MAX_RECONNECT_DELAY_S)
        # paho must not hold messages back itself: the window here is the only one.
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        if settings.mqtt_username is not None:
            password = settings.mqtt_password.get_secret_value() if settings.mqtt_password else None
            client.username_pw_set(settings.mqtt_username, password)
        if settings.mqtt_tls_ca_file is not None:
            try:
                client.tls_set(str(settings.mqtt_tls_ca_file))
            except OSError:
                raise InvalidSettingsError("MQTT_TLS_CA_FILE: holds no certificate (PEM)") from None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _unreachable(
        self, reason: str, advice: str = "Start the broker, or set these variables to where it runs."
    ) -> BrokerUnreachableError:
        settings = self._settings
        return BrokerUnreachableError(
            f"no session with the broker at MQTT_HOST={settings.mqtt_host} MQTT_PORT={settings.mqtt_port}:"
            f" {reason}. {advice}"
        )

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        if code.is_failure:
            self._refusal = f"it refuses: {code}"
        else:
            self._publish_status(Status.ONLINE)
            if self.receipts is not None:
                # Sent ahead of the messages that paho sends again; the session begins with the SUBACK.
                client.subscribe(_RECEIPTS, qos=1)
                return
        self.connected = not code.is_failure
        self._handshake_done.set()

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        self.connected = not any(code.is_failure for code in codes)
        if not self.connected:
            self._refusal = f"it does not grant the subscription to {_RECEIPTS}"
        self._handshake_done.set()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        _code: ReasonCode,
        _: Properties | None,
    ) -> None:
        self.connected = False

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, _code: ReasonCode, _: Properties | None
    ) -> None:
        self._events.put(mid)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._events.put(message)
