"""The worker's session at the broker: connection, subscription, messages, acknowledgements.

The network thread only wraps messages and puts them into the inbox: an exception there would end the thread
while the client still looks connected, and slow work there would miss the pings.

The protocol is MQTT 3.1.1, which has no properties to parse with each message, unlike MQTT 5. The in-flight
window is then the broker's `max_inflight_messages`.
"""

import logging
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest_worker import fatal_errors
from ingest_worker.broker_connection import BrokerConnection
from ingest_worker.client_id_conflict import CONTESTED_FROM, MOST_BRIEF_IN_A_ROW, contested, final, sentence
from ingest_worker.delivery import Delivery
from ingest_worker.fatal_errors import FatalError
from ingest_worker.inbox import Inbox
from ingest_worker.mqtt_client import QOS, MqttClient
from ingest_worker.mqtt_packets import Message, PacketIds, pubacks, publish_at_most_once
from ingest_worker.subscription import Subscription, listed
from shared.settings import WorkerSettings
from shared.sources.sources import Sources
from shared.wire.topics import topic_filters

log = logging.getLogger("ingest_worker.subscriber")

_UNSPECIFIED = 0x80
_CONNECTION_LOST = "Lost the connection to the broker, which queues messages until the worker is back. %s"
_SESSION_LOST = (
    "Connected to the broker at %s, but it lost our session: messages that it had acknowledged and not yet"
    " handed over are gone, unless their vehicles send them again."
)


class Subscriber:
    """A session at the broker that outlives this process, and its messages.

    With `retires` the session unsubscribes, and receives only the messages that the broker has queued for it.
    `new_client` makes the MQTT client, once more after each `leave`.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        retires: bool = False,
        sources: Sources | None = None,
        new_client: Callable[..., MqttClient] = MqttClient,
    ) -> None:
        self._address = f"{settings.mqtt_host}:{settings.mqtt_port}"
        self._settings = settings
        self._client_id = settings.mqtt_client_id
        self._retires = retires
        self.subscription = Subscription(settings, sources)
        self._fatal: FatalError | None = None
        self.connection = BrokerConnection()
        self.inbox = Inbox(max_unguaranteed=settings.mqtt_max_inflight)
        self._packet_ids = PacketIds()
        self._problem = f"not connected to the broker at {self._address} yet"
        self._has_left = False
        self._new_client = new_client
        self._client = self._make_client()

    def _make_client(self) -> MqttClient:
        client = self._new_client(
            CallbackAPIVersion.VERSION2,
            on_messages=self._on_messages,
            await_room=self._await_room,
            client_id=self._client_id,
            clean_session=False,
            # paho acknowledges no message, even if a later version of it does not call our `_packet_read`.
            manual_ack=True,
            protocol=mqtt.MQTTv311,
        )
        client.configure(self._settings)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_disconnect = self._on_disconnect
        return client

    # Called by the worker's thread

    @property
    def client_id(self) -> str:
        """Name of the session at the broker."""
        return self._client_id

    def unsubscribe(self, filters: Collection[str]) -> None:
        """Unsubscribe filters of an earlier subscription, as soon as the present one stands."""
        self.subscription.obsolete = frozenset(filters)
        if self.connection.is_listening:
            self.subscription.unsubscribe_obsolete(self._client)

    @property
    def problem(self) -> str | None:
        """The reason why no messages arrive, in words; None while they may arrive."""
        if (brief := self.connection.brief_in_a_row) >= CONTESTED_FROM:
            return contested(self._client_id, brief)
        return None if self.connection.is_listening else self._problem

    def start(self, client_id: str | None = None) -> None:
        """Connect, by default with the client id of the settings, and reconnect after each loss.

        Returns at once, also where the broker is away. A connected subscriber stays as it is.
        """
        if client_id is not None and client_id != self._client_id:
            self.leave()
            self._client_id = client_id
            self.subscription.begin_session()
            self.connection.session_epoch = 0
        if self._has_left:
            # Epochs go on: a message of the session before is never acknowledged on this one.
            self._client = self._make_client()
            self._has_left = False
        self._client.loop_start()

    def leave(self) -> None:
        """Close the connection until `start`. The session and the messages in the inbox stay."""
        if self._has_left:
            return
        self._has_left = True
        self._problem = "the connection to the broker is closed until a slot is held"
        self.connection.leaving()
        self.stop()
        self.connection.closed()

    def take(self, timeout: float) -> list[Delivery]:
        """Return the next deliveries; an empty list after `timeout` seconds without any, or after `wake`."""
        return self.inbox.take(timeout)

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler."""
        self.inbox.wake()

    def require_alive(self) -> None:
        """Raise FatalError where this subscriber can't deliver messages any more."""
        if self._fatal is not None:
            raise self._fatal
        if not self._has_left and not self._client.is_running:
            dead = fatal_errors.DeafWorkerError
            raise dead(f"{dead.__doc__} It must be started again.")

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> bool:
        """Send receipts (topic, payload) at QoS 1; return False where there is no connection for them.

        Receipts are not kept for later. Acknowledgements follow on the same connection: where a receipt is
        lost with the connection, so is the acknowledgement, and the message and its receipt come again.
        """
        packets = b"".join(self._packet_ids.publish(topic.encode(), payload) for topic, payload in messages)
        return self._send(packets)

    def command(self, topic: str, payload: bytes) -> None:
        """Send a command to a device at QoS 0; without a connection it is lost."""
        self._send(publish_at_most_once(topic.encode(), payload))

    def _send(self, packets: bytes) -> bool:
        with self.connection.held() as epoch:
            if not epoch or not self._client.is_running:
                return False
            self._client.send_publishes(packets)
        return True

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge these messages, after the commit of their readings; the broker then deletes them."""
        # Without its network thread paho would write from this thread, and call our callbacks on an error.
        if not self._client.is_running:
            return
        with self.connection.held() as epoch:
            # A message of an earlier connection is committed, too, and the broker will send it again.
            mids = [delivery.mid for delivery in deliveries if delivery.epoch == epoch and delivery.qos]
            if mids:
                self._client.send_acknowledgements(pubacks(mids))

    def stop(self) -> None:
        """Send pending acknowledgements, then DISCONNECT, and end the network thread. The session stays.

        The order matters: without the DISCONNECT behind them, acknowledgements in transit are lost.
        """
        self._client.disconnect()
        self._client.loop_stop()

    # Called by paho's network thread

    def _on_pre_connect(self, _client: mqtt.Client, _userdata: Any) -> None:
        # paho calls `on_disconnect` at most ends of a connection, not at all of them.
        self.connection.closed()
        self._client.framer.clear()

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._problem = f"the broker at {self._address} refuses the connection: {reason}"
            text = "The broker at %s refuses us: %s. Check MQTT_USERNAME and MQTT_PASSWORD."
            log.error(text, self._address, reason)
            return
        lost_before = self.connection.sessions_lost
        self.connection.opened(session_present=flags.session_present)
        self.inbox.begin_connection()
        if flags.session_present:
            log.info("Connected to the broker at %s; it kept our session.", self._address)
        elif self.connection.sessions_lost == lost_before:
            log.info("Connected to the broker at %s; it opened a new session.", self._address)
        else:
            log.warning(_SESSION_LOST, self._address)
        self._problem = "not subscribed yet"
        if self._retires:
            client.unsubscribe(list(self.subscription.filters(self._client_id)))
            return
        # On every connect: a broker may keep the session and still have lost a shared subscription.
        client.subscribe([(topic, QOS) for topic in self.subscription.filters(self._client_id)])

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        # paho does not pass the reason, but calls this while it handles that exception.
        reason = sys.exception()
        self._problem = f"can't reach the broker at {self._address}: {reason}"
        text = "Can't reach the broker at %s (MQTT_HOST, MQTT_PORT): %s. Trying again."
        log.warning(text, self._address, reason)

    def _on_subscribe(
        self,
        client: mqtt.Client,
        _userdata: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if refused := self.subscription.refused(self._client_id, reasons):
            self._fail(fatal_errors.SubscriptionRefusedError(refused))
            return
        if self._settings.mqtt_shared_group:
            # A session from before the group would receive every message besides its share. Only now: no
            # message is missed between the two subscriptions, and one that comes by both is a duplicate.
            client.unsubscribe(topic_filters(None))
        # In this order: a filter that `unsubscribe` names meanwhile is sent there, here, or by both.
        self.connection.subscribed()
        self.subscription.unsubscribe_obsolete(client)
        log.info("Subscribed to %s.", listed(self.subscription.filters(self._client_id)))

    def _on_unsubscribe(self, _client: mqtt.Client, _userdata: Any, mid: int, *_arguments: object) -> None:
        if obsolete := self.subscription.confirmed(mid):
            log.info("Unsubscribed %s, which no source names any more.", listed(sorted(obsolete)))
        if self._retires:
            self.connection.subscribed()
            log.info("Gave up the subscription of %s.", self._client_id)

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: Any,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        brief = self.connection.closed()
        if reason.is_failure:
            # MQTT 3.1.1 has no word for "another client has taken your id": the broker just closes.
            words = "it closed it without a reason" if reason.value == _UNSPECIFIED else str(reason)
            self._problem = f"the broker at {self._address} ended the connection ({words})"
            if brief >= CONTESTED_FROM:
                self._problem = contested(self._client_id, brief)
            log.warning(_CONNECTION_LOST, sentence(self._problem))
        # Two clients with one id disconnect each other for ever, each connection as short as the other's
        # reconnect delay. The first of them to count six ends, the other one stays.
        if brief >= MOST_BRIEF_IN_A_ROW:
            self._fail(fatal_errors.ClientIdTakenError(final(self._client_id, brief)))

    def _await_room(self, timeout: float) -> bool:
        # The CONNACK must be read, even with a full inbox: the subscription waits for it.
        return not self.connection.is_up or self.inbox.await_room(timeout)

    def _on_messages(self, messages: list[Message]) -> None:
        try:
            epoch, now = self.connection.epoch, datetime.now(UTC)
            self.inbox.put([Delivery(*message, epoch, now) for message in messages])
        except Exception as error:  # noqa: BLE001 - no exception may end this thread unnoticed
            self._fail(FatalError(f"A message could not be taken over: {error!r}"))

    def _fail(self, error: FatalError) -> None:
        self._fatal = error
        self.wake()
