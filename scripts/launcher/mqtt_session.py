"""A session with the broker; the only module of the scripts that imports paho.

paho's own thread does the network, and its callbacks only queue what arrives. The caller's thread evaluates
that, so it needs no lock. The load generators of scripts/bench do not use paho: `scripts/bench/link.py`.
"""

from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from scripts.launcher.broker_address import BrokerAddress

_CONNECT_TIMEOUT_S = 5.0


class Acknowledgement(NamedTuple):
    """The broker's acknowledgement of a publication; `at` is of `time.monotonic()`."""

    mid: int
    at: float


class FirstMessage(NamedTuple):
    """A message that each connection publishes before all others, or as its last will."""

    topic: str
    payload: bytes | str
    qos: int = 1
    retain: bool = True


class Received(NamedTuple):
    """A message of the subscription; `at` is of `time.monotonic()`."""

    topic: str
    payload: bytes
    at: float


def was_sent(message: MQTTMessageInfo) -> bool | None:
    """Return whether a message of QoS 0 has reached the socket; None while paho still holds it."""
    try:
        return message.is_published() or None
    except (RuntimeError, ValueError):
        return False


class MqttSession:
    """A session at QoS 1, which is opened again after a loss, with the unacknowledged messages sent again.

    `subscription` is a topic filter that each connection subscribes to. At most `most_in_flight` messages are
    sent without an acknowledgement, and paho holds further ones back; 0 is no limit.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        client_id: str = "",
        clean: bool = True,
        subscription: str | None = None,
        most_in_flight: int = 0,
        longest_reconnect_delay_s: int = 1,
        keepalive_s: int = 60,
    ) -> None:
        self.is_open = False
        """With a subscription, True only once it is granted."""
        self.refusal = ""
        """The reason for which the broker has refused the last connection or subscription."""
        self.first_messages: Sequence[FirstMessage] = ()
        """Messages that each connection publishes first."""
        self._broker = broker
        self._subscription = subscription
        self._keepalive_s = keepalive_s
        self._arrived: SimpleQueue[Acknowledgement | Received] = SimpleQueue()
        self._handshake_done = Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv311, clean_session=clean
        )
        self._client.connect_timeout = _CONNECT_TIMEOUT_S
        self._client.reconnect_delay_set(1, longest_reconnect_delay_s)
        self._client.max_inflight_messages_set(most_in_flight)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls_ca_file is not None:
            self._client.tls_set(broker.tls_ca_file)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def connect(self, will: FirstMessage | None = None) -> None:
        """Connect, without waiting for the broker's answer.

        Raises OSError or ValueError.
        """
        if will is not None:
            self._client.will_set(*will)
        self._client.connect(self._broker.host, self._broker.port, self._keepalive_s)
        self._client.loop_start()

    def wait_until_open(self, timeout_s: float) -> bool:
        """Wait for the broker's answer to the first connection; returns whether the session is open."""
        return self._handshake_done.wait(timeout_s) and self.is_open

    def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> MQTTMessageInfo:
        """Hand a message to paho, which sends it now or after the next connect.

        At QoS 0 a message without a connection is lost: `was_sent` says so.
        """
        return self._client.publish(topic, payload, qos=qos, retain=retain)

    def publish_first(self, message: FirstMessage) -> MQTTMessageInfo:
        """Hand one of these messages to paho once more."""
        return self.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)

    def arrivals(self, timeout_s: float = 0.0) -> Iterator[Acknowledgement | Received]:
        """Yield all that has arrived, waiting up to `timeout_s` for the first."""
        try:
            yield self._arrived.get(timeout=timeout_s) if timeout_s > 0 else self._arrived.get_nowait()
            while True:
                yield self._arrived.get_nowait()
        except Empty:
            pass

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # A reference cycle would leave the client's sockets to the garbage collector.
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_publish = self._client.on_subscribe = self._client.on_message = None

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        if code.is_failure:
            self.refusal = f"it refuses: {code}"
        else:
            for message in self.first_messages:
                self.publish_first(message)
            if self._subscription is not None:
                # Sent ahead of the messages that paho sends again; the session begins with the SUBACK.
                client.subscribe(self._subscription, qos=1)
                return
        self._end_handshake(is_open=not code.is_failure)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        is_granted = not any(code.is_failure for code in codes)
        if not is_granted:
            self.refusal = f"it does not grant the subscription to {self._subscription}"
        self._end_handshake(is_open=is_granted)

    def _end_handshake(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self._handshake_done.set()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        _code: ReasonCode,
        _: Properties | None,
    ) -> None:
        self.is_open = False

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, _code: ReasonCode, _: Properties | None
    ) -> None:
        # Perhaps before `publish` has returned in the caller's thread.
        self._arrived.put(Acknowledgement(mid, monotonic()))

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._arrived.put(Received(message.topic, bytes(message.payload), monotonic()))
