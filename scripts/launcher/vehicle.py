"""A publisher of readings over MQTT, as a vehicle is one."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from scripts.launcher.launch_error import LaunchError
from shared.wire.topics import telemetry_topic

_TIMEOUT_S = 10


@dataclass(frozen=True)
class BrokerAddress:
    """The broker's address and credentials."""

    host: str = "localhost"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls_ca_file: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read MQTT_HOST, MQTT_PORT, MQTT_USERNAME, MQTT_PASSWORD, MQTT_TLS_CA_FILE. Raises LaunchError."""
        port = environment.get("MQTT_PORT") or "1883"
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise LaunchError(f"MQTT_PORT={port} is not a port; set a number from 1 to 65535.")
        return cls(
            host=environment.get("MQTT_HOST") or "localhost",
            port=int(port),
            username=environment.get("MQTT_USERNAME") or None,
            password=environment.get("MQTT_PASSWORD") or None,
            tls_ca_file=environment.get("MQTT_TLS_CA_FILE") or None,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def publish(broker: BrokerAddress, vin: str, readings: Sequence[Mapping[str, Any]]) -> None:
    """Publish each reading at QoS 1, and wait until the broker has acknowledged them. Raises LaunchError."""
    client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    try:
        if broker.tls_ca_file:
            client.tls_set(broker.tls_ca_file)
        client.connect(broker.host, broker.port)
        client.loop_start()
        deadline = time.monotonic() + _TIMEOUT_S
        sent = [client.publish(telemetry_topic(vin), json.dumps(reading), qos=1) for reading in readings]
        for one in sent:
            one.wait_for_publish(max(0.1, deadline - time.monotonic()))
        if not all(one.is_published() for one in sent):
            raise LaunchError(
                f"The broker at {broker} did not take the readings (MQTT_USERNAME, MQTT_PASSWORD?)."
            )
    except (OSError, ValueError, RuntimeError) as failed:
        raise LaunchError(f"The broker at {broker} can't be used: {failed} (MQTT_HOST, MQTT_PORT).") from None
    finally:
        client.disconnect()
        client.loop_stop()
