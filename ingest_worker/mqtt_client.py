"""paho's client with a faster read loop; the only file that uses private names of paho.

paho connects, pings, subscribes and reconnects. `mqtt_packets` cuts many messages at once from the stream;
acknowledgements and receipts are written as bytes, many at once.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest_worker.mqtt_packets import Framer, MalformedPacketError, Message, Packet
from ingest_worker.time_limits import BROKER_CONNECT_TIMEOUT_S, KEEPALIVE_S
from shared.settings import WorkerSettings

log = logging.getLogger("ingest_worker.subscriber")

QOS = 1  # never 2: messages of QoS 2 can't be acknowledged after a commit without being lost in a crash
MOST_IN_FLIGHT = 65_535
"""Number of packet ids, and so of messages that may wait for an acknowledgement."""
_READ_BYTES = 262_144
_PAUSE_S = 0.05  # short: the same thread has acknowledgements and pings to send
_CLOSE_WITHIN_S = 1.0
_PUBLISH, _PUBACK = 0x30, 0x40


class MqttClient(mqtt.Client):
    """An MQTT 3.1.1 client that reads up to 256 KiB at once, where paho reads byte by byte.

    `on_messages` is called with the messages of one read, which are not acknowledged here. `await_room` waits
    up to so many seconds, and while it returns False the client does not read.
    """

    def __init__(
        self,
        *arguments: Any,
        on_messages: Callable[[list[Message]], None],
        await_room: Callable[[float], bool],
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.framer = Framer()
        self._on_messages = on_messages
        self._await_room = await_room

    def configure(self, settings: WorkerSettings) -> None:
        """Set address, login, TLS and delays, without connecting. Raises OSError for an unusable CA file."""
        _set_login(self, settings)
        self.connect_timeout = BROKER_CONNECT_TIMEOUT_S
        self.reconnect_delay_set(min_delay=1, max_delay=15)
        self.connect_async(settings.mqtt_host, settings.mqtt_port, keepalive=KEEPALIVE_S)

    def _packet_read(self) -> MQTTErrorCode:
        if not self._await_room(_PAUSE_S):
            # Unread bytes wait in the socket, and the answer to paho's ping among them: without this, paho
            # would take the broker for dead.
            with self._msgtime_mutex:
                self._last_bytes_received = time.monotonic()
            return MQTTErrorCode.MQTT_ERR_AGAIN
        try:
            received = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not received:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        try:
            return self._dispatch(self.framer.feed(received))
        except (MalformedPacketError, MQTTException) as broken:
            log.warning("The broker sent what is not MQTT 3.1.1 (%s); connecting anew.", broken)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _dispatch(self, packets: list[Message | Packet]) -> MQTTErrorCode:
        messages: list[Message] = []
        for packet in packets:
            if isinstance(packet, Message):
                messages.append(packet)
                continue
            # Messages before a CONNACK belong to another connection than those after it.
            if messages:
                self._on_messages(messages)
                messages = []
            if packet.command & 0xF0 != _PUBACK and (failed := self._handle(packet)):
                return failed
        if messages:
            self._on_messages(messages)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle(self, packet: Packet) -> MQTTErrorCode:
        """Have paho handle a packet as if paho had read it."""
        self._in_packet = {
            "command": packet.command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(packet.body),
            "packet": bytearray(packet.body),
            "to_process": 0,
            "pos": 0,
        }
        return self._packet_handle()

    def _sock_close(self) -> None:
        if self._sock is not None and self._state.name == "MQTT_CS_DISCONNECTING":
            _await_end(self._sock)
        super()._sock_close()

    @property
    def is_running(self) -> bool:
        """True while the network thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def send_publishes(self, packets: bytes) -> None:
        """Send whole PUBLISH packets, in order, behind the packets that wait to be sent."""
        self._packet_queue(_PUBLISH, packets, 0, QOS)

    def send_acknowledgements(self, packets: bytes) -> None:
        """Send whole PUBACK packets, in order, behind the packets that wait to be sent."""
        self._packet_queue(_PUBACK, packets, 0, QOS)


def _await_end(sock: Any) -> None:
    """Read until the broker has closed the connection, for at most a second; messages are dropped.

    After a DISCONNECT the broker closes. To close first, with messages unread, would send a RST: the broker
    may then drop the acknowledgements that it has not read, and a whole batch would come again.
    """
    until = time.monotonic() + _CLOSE_WITHIN_S
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(_READ_BYTES):
                return


def _set_login(client: mqtt.Client, settings: WorkerSettings) -> None:
    if settings.mqtt_username is not None:
        secret = settings.mqtt_password
        client.username_pw_set(settings.mqtt_username, secret.get_secret_value() if secret else None)
    if settings.mqtt_tls_ca_file is not None:
        client.tls_set_context(ssl.create_default_context(cafile=settings.mqtt_tls_ca_file))


def receive_maximum(settings: WorkerSettings, client_id: str) -> int | None:
    """Return the Receive Maximum of the broker's CONNACK, by a short connection of MQTT 5.

    It is 65,535 where the broker names none (MQTT 5, 3.2.2.3.3), and None where the broker refuses the
    connection or does not answer within 5 s. Raises OSError where the broker is away.
    """
    answered, found = threading.Event(), list[int]()

    def on_connect(
        _client: mqtt.Client,
        _userdata: Any,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not reason.is_failure:
            found.append(getattr(properties, "ReceiveMaximum", MOST_IN_FLIGHT))
        answered.set()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.on_connect = on_connect
    _set_login(client, settings)
    client.connect_timeout = BROKER_CONNECT_TIMEOUT_S
    client.connect(settings.mqtt_host, settings.mqtt_port)
    client.loop_start()
    answered.wait(BROKER_CONNECT_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
    return found[0] if found else None
