"""The receiver `mqtt:`: the state of each alert as a retained message at the broker."""

import json
import logging
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from alert_worker.routes.target import DeliveryError, Message
from shared.settings import BrokerSettings

_log = logging.getLogger("alert_worker.routes")
_WITHIN_S = 10.0
_STATES = {"closed": "closed", "withdrawn": "closed", "acknowledged": "acknowledged", "test": "closed"}


def topic_of(message: Message) -> str:
    """Return the topic of a message: `alerts/{vin}/{code}`."""
    return f"alerts/{message['vehicle']['vin']}/{message['episode']['code']}"


class MqttTarget:
    """The broker of MQTT_HOST. QoS 1, retained; the payload is the webhook's JSON with `state`.

    `state` is `open`, `acknowledged` or `closed`: a subscriber that comes later sees each alert's last state.
    """

    is_limited = False
    label = "mqtt:"

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._client: mqtt.Client | None = None
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        state = _STATES.get(message["event"], "open")
        payload = json.dumps({**message, "state": state}, ensure_ascii=False, separators=(",", ":"))
        try:
            sent = self._connected().publish(topic_of(message), payload.encode(), qos=1, retain=True)
            sent.wait_for_publish(_WITHIN_S)
            is_taken = sent.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            raise DeliveryError(f"{self.label} {self._address()}: {_reason(error)}") from None
        if not is_taken:
            # An open client would send the message after all, later than newer ones.
            self.close()
            raise DeliveryError(
                f"{self.label} {self._address()}: no acknowledgement within {_WITHIN_S:.0f} s"
            )

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connected(self) -> mqtt.Client:
        with self._lock:
            if self._client is None:
                client = mqtt.Client(CallbackAPIVersion.VERSION2)
                client.connect_timeout = _WITHIN_S
                if self._settings.mqtt_username is not None:
                    password = self._settings.mqtt_password
                    secret = None if password is None else password.get_secret_value()
                    client.username_pw_set(self._settings.mqtt_username, secret)
                if self._settings.mqtt_tls_ca_file is not None:
                    client.tls_set(str(self._settings.mqtt_tls_ca_file))
                client.connect(self._settings.mqtt_host, self._settings.mqtt_port)
                client.loop_start()
                self._client = client
            return self._client

    def _address(self) -> str:
        return f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "can't be reached"
