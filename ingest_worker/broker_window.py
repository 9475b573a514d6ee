"""The broker's in-flight window, compared with the worker's: the twin settings must fit.

MQTT 3.1.1, which the worker's session speaks, does not announce the window. The CONNACK of MQTT 5 has a
Receive Maximum, in which Mosquitto and EMQX write the same setting; so one short connection asks for it.
"""

import logging
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest_worker.broker_login import set_login
from ingest_worker.time_limits import BROKER_CONNECT_TIMEOUT_S
from shared.settings import WorkerSettings

log = logging.getLogger("ingest_worker.window")

_MOST = 65_535
"""Receive Maximum where the broker names none (MQTT 5, 3.2.2.3.3)."""


class BrokerWindow:
    """Asks the broker once for its window, in a thread, and logs where that differs from the setting."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._answered = threading.Event()
        self._thread: threading.Thread | None = None
        self.size: int | None = None
        """The broker's window in messages; None while it is not known."""

    def ask(self) -> None:
        """Begin to ask, at the first call; return at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask, name="broker window", daemon=True)
            self._thread.start()

    @property
    def is_asking(self) -> bool:
        """True while the answer is waited for."""
        return self._thread is not None and self._thread.is_alive()

    def _ask(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._settings.mqtt_client_id}-window",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = self._on_connect
        try:
            set_login(client, self._settings)
            client.connect_timeout = BROKER_CONNECT_TIMEOUT_S
            client.connect(self._settings.mqtt_host, self._settings.mqtt_port)
            client.loop_start()
            self._answered.wait(BROKER_CONNECT_TIMEOUT_S)
            client.disconnect()
            client.loop_stop()
        except (OSError, ValueError) as error:
            log.debug("The broker's window is not known: %s", error)

    def _on_connect(
        self,
        _client: mqtt.Client,
        _userdata: Any,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not reason.is_failure:
            self.size = getattr(properties, "ReceiveMaximum", _MOST)
            self._compare(self.size)
        self._answered.set()

    def _compare(self, size: int) -> None:
        own = self._settings.mqtt_max_inflight
        if size < own:
            log.warning(
                "The broker hands over %d messages before it waits for acknowledgements, MQTT_MAX_INFLIGHT is"
                " %d: batches are kept smaller, which is slower. Set max_inflight_messages %d at the broker.",
                size,
                own,
                own,
            )
        elif own < size < _MOST:
            log.info(
                "The broker hands over up to %d messages unacknowledged, MQTT_MAX_INFLIGHT is %d.", size, own
            )
