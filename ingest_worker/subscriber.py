"""The broker's side of the worker: the only file that knows paho.

paho's network thread reads, pings and reconnects. It wraps each message and puts it into the inbox,
nothing else: an exception in a callback would kill that thread while the client still looks
connected, and a slow callback would miss its pings.

MQTT 3.1.1, not 5: paho builds a properties object for each MQTT 5 message, which costs a third of the
throughput. The in-flight window is then the broker's `max_inflight_messages`.
"""

import logging
import socket
import ssl
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest_worker.delivery import Delivery
from ingest_worker.errors import ClientIdTakenError, DeafWorkerError, FatalError, SubscriptionRefusedError
from ingest_worker.inbox import Inbox
from ingest_worker.link import Link
from shared.settings import WorkerSettings
from shared.topics import telemetry_filters

log = logging.getLogger("ingest_worker.subscriber")

_KEEPALIVE_S = 30
_CONNECT_TIMEOUT_S = 5
_BRIEF_LINKS_IN_A_ROW = 6
_MOST_RECEIPTS = 65_535  # as many as MQTT has packet ids
_QOS = 1  # never 2: with manual acknowledgements paho loses messages of QoS 2 in a crash


class Subscriber:
    """A session at the broker that outlives this process, and the messages it brings."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._address = f"{settings.mqtt_host}:{settings.mqtt_port}"
        self._client_id = settings.mqtt_client_id
        self._filters = telemetry_filters(settings.mqtt_shared_group)
        self._fatal: FatalError | None = None
        self.link = Link()
        self.inbox = Inbox(max_unguaranteed=settings.mqtt_max_inflight)
        self._client = self._make_client(settings)

    def _make_client(self, settings: WorkerSettings) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.mqtt_client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if settings.mqtt_username is not None:
            password = settings.mqtt_password
            client.username_pw_set(
                settings.mqtt_username, password.get_secret_value() if password is not None else None
            )
        if settings.mqtt_tls_ca_file is not None:
            context = ssl.create_default_context(cafile=settings.mqtt_tls_ca_file)
            client.tls_set_context(context)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.reconnect_delay_set(min_delay=1, max_delay=15)
        # Receipts on their way: paho's 20 would let the others wait, and drop them when we take leave.
        client.max_inflight_messages_set(_MOST_RECEIPTS)
        client.max_queued_messages_set(_MOST_RECEIPTS)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_async(settings.mqtt_host, settings.mqtt_port, keepalive=_KEEPALIVE_S)
        return client

    # Called by the worker's thread

    def start(self) -> None:
        """Connect, and stay connected. Returns at once; a broker that is away is tried again."""
        self._client.loop_start()

    def take(self, timeout: float) -> Delivery | None:
        """The next delivery, or None when none has come within `timeout` seconds or `wake` was called."""
        if self.inbox.wants_reconnect:
            self._reconnect()
        return self.inbox.take(timeout)

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler."""
        self.inbox.wake()

    def require_alive(self) -> None:
        """Raise FatalError if this subscriber will never deliver again."""
        if self._fatal is not None:
            raise self._fatal
        if not self._network_thread_is_alive():
            raise DeafWorkerError(f"{DeafWorkerError.__doc__} It must be started again.")

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand a receipt to the network; returns whether it could be. Nothing is kept for later.

        Acknowledgements follow behind on the same link, so what is on its way here is bounded by what the
        broker may hand over.
        """
        if not self.link.is_listening or not self._network_thread_is_alive():
            return False
        return self._client.publish(topic, payload, qos=_QOS).rc == mqtt.MQTT_ERR_SUCCESS

    def stop(self) -> None:
        """Send what was acknowledged, take leave and end the network thread. The session stays.

        In this order: without the DISCONNECT behind them, acknowledgements still on their way are lost.
        """
        self._client.disconnect()
        self._client.loop_stop()

    def _network_thread_is_alive(self) -> bool:
        thread = self._client._thread  # noqa: SLF001 - paho has no other way to ask
        return thread is not None and thread.is_alive()

    def _reconnect(self) -> None:
        """Have the broker send again what there was no room for; paho's thread does it when the link ends."""
        log.info(
            "More waited than there was room for: connecting anew, so that the broker sends the rest again."
        )
        self.link.leaving()
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _acknowledge(self, delivery: Delivery) -> None:
        # Without its thread paho would write from this one, and fail into our callbacks.
        if delivery.qos == 0 or not self._network_thread_is_alive():
            return
        with self.link.carrying(delivery.epoch) as same_connection:
            # From an earlier connection: committed all the same; the broker will send it again.
            if same_connection:
                self._client.ack(delivery.mid, delivery.qos)

    # Called by paho's network thread

    def _on_pre_connect(self, _client: mqtt.Client, _userdata: Any) -> None:
        # paho reports most ends of a connection, not all of them.
        self.link.closed()

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error(
                "The broker at %s refuses us: %s. Check MQTT_USERNAME and MQTT_PASSWORD.",
                self._address,
                reason,
            )
            return
        lost_before = self.link.sessions_lost
        self.link.opened(session_present=flags.session_present)
        self.inbox.begin_connection()
        if flags.session_present:
            log.info("Connected to the broker at %s; it kept our session.", self._address)
        elif self.link.sessions_lost == lost_before:
            log.info("Connected to the broker at %s; it opened a new session.", self._address)
        else:
            log.warning(
                "Connected to the broker at %s, but it lost our session: messages that it had acknowledged"
                " and not yet handed over are gone, unless their vehicles send them again.",
                self._address,
            )
        # On every connect: a broker may keep the session and still have lost a shared subscription.
        client.subscribe([(wanted, _QOS) for wanted in self._filters])

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        # paho doesn't hand over why, but it calls this while it handles that exception.
        reason = sys.exception()
        log.warning(
            "Can't reach the broker at %s (MQTT_HOST, MQTT_PORT): %s. Trying again.", self._address, reason
        )

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.value != _QOS for reason in reasons):
            self._end(
                SubscriptionRefusedError(
                    f"The broker does not grant the subscription to {' and '.join(self._filters)} at QoS 1"
                    f" ({', '.join(map(str, reasons))}): its access rules or max_qos forbid it."
                )
            )
            return
        self.link.subscribed()
        log.info("Subscribed to %s.", " and ".join(self._filters))

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: Any,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        brief_links = self.link.closed()
        if reason.is_failure:
            log.warning(
                "Lost the connection to the broker (%s); it keeps what comes until we are back.", reason
            )
        # Two clients with one id throw each other out for ever, each link as short as the other's pause.
        # MQTT 3.1.1 has no word for it: the broker just closes. Who notices first ends, the other stays.
        if brief_links >= _BRIEF_LINKS_IN_A_ROW:
            self._end(
                ClientIdTakenError(
                    f"The broker has closed {brief_links} connections in a row within seconds: probably"
                    f" another client uses the id {self._client_id}. Give each worker an MQTT_CLIENT_ID of"
                    " its own."
                )
            )

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            delivery = Delivery(
                topic=bytes(message._topic),  # noqa: SLF001 - `topic` raises where it is not UTF-8
                payload=bytes(message.payload),
                qos=message.qos,
                mid=message.mid,
                epoch=self.link.epoch,
                received_at=datetime.now(UTC),
                _acknowledge=self._acknowledge,
            )
            self.inbox.put(delivery)
        except Exception as error:  # noqa: BLE001 - whatever it is, this thread must not die of it unseen
            self._end(FatalError(f"A message could not be taken over: {error!r}"))

    def _end(self, why: FatalError) -> None:
        self._fatal = why
        self.wake()
