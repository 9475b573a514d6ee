"""Publishing at QoS 1: the only file here that knows paho.

paho's own thread does the network; its callbacks only note what happened. Everything is counted on
the thread that calls `publish` and `collect`, so no lock is needed.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from scripts.simulator.message import Message
from shared.settings import BrokerSettings, InvalidSettingsError

_CONNECT_S = 5.0
_KEEPALIVE_S = 20
_MOST_RECONNECT_DELAY_S = 4
_SLICE_S = 0.2


class BrokerUnreachableError(Exception):
    """No session with the broker could be opened; the message says which one, why, and what to do."""


class Publisher:
    """A session with the broker, with at most `window` messages that it hasn't acknowledged.

    When the connection is lost, paho connects again and sends the unacknowledged messages again.
    """

    def __init__(self, settings: BrokerSettings, *, window: int) -> None:
        self.published = 0
        """Readings handed to paho."""
        self.acknowledged = 0
        """Readings whose message the broker has acknowledged."""
        self.messages = 0
        self.connected = False
        self._settings = settings
        self._window = window
        self._outstanding: dict[int, int] = {}
        self._acks: SimpleQueue[int] = SimpleQueue()
        self._answered = Event()
        self._refusal = ""
        self._client = self._build_client()

    @property
    def unacknowledged(self) -> int:
        """Readings published and not yet acknowledged."""
        return self.published - self.acknowledged

    @property
    def full(self) -> bool:
        """True while the window is used up: collect first."""
        return len(self._outstanding) >= self._window

    def connect(self) -> None:
        """Open the session. Raises BrokerUnreachableError, after a few seconds at the most."""
        try:
            self._client.connect(self._settings.mqtt_host, self._settings.mqtt_port, _KEEPALIVE_S)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise self._unreachable(reason or str(error)) from None
        self._client.loop_start()
        if self._answered.wait(_CONNECT_S) and self.connected:
            return
        self.close()
        if self._refusal:
            raise self._unreachable(self._refusal, "Check MQTT_USERNAME and MQTT_PASSWORD.")
        raise self._unreachable(f"no MQTT answer within {_CONNECT_S:.0f} s")

    def publish(self, message: Message) -> None:
        """Hand the message to paho, which sends it now or once it is connected again. Only if not full."""
        sent = self._client.publish(message.topic, message.payload, qos=1)
        self._outstanding[sent.mid] = message.readings
        self.published += message.readings
        self.messages += 1

    def collect(self, timeout_s: float = 0.0) -> None:
        """Count the acknowledgements that have come, waiting up to `timeout_s` for a first."""
        try:
            mid = self._acks.get(timeout=timeout_s) if timeout_s > 0 else self._acks.get_nowait()
            while True:
                self.acknowledged += self._outstanding.pop(mid, 0)
                mid = self._acks.get_nowait()
        except Empty:
            return

    def wait_for_acks(self, timeout_s: float, meanwhile: Callable[[], None]) -> None:
        """Collect until all is acknowledged, or until nothing has come for `timeout_s`."""
        deadline = monotonic() + timeout_s
        while self._outstanding and (left := deadline - monotonic()) > 0:
            before = self.acknowledged
            self.collect(min(_SLICE_S, left))
            if self.acknowledged > before:
                deadline = monotonic() + timeout_s
            meanwhile()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _build_client(self) -> Client:
        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311, clean_session=True)
        client.connect_timeout = _CONNECT_S
        client.reconnect_delay_set(1, _MOST_RECONNECT_DELAY_S)
        # paho must not hold messages back on its own: the window here is the only one.
        client.max_inflight_messages_set(self._window)
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
        self, _client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        self.connected = not code.is_failure
        if code.is_failure:
            self._refusal = f"it refuses: {code}"
        self._answered.set()

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
        self._acks.put(mid)
