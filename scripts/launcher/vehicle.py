"""A publisher of readings over MQTT, as a vehicle is one."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.launcher.broker_address import BrokerAddress
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.mqtt_session import Acknowledgement, MqttSession
from shared.wire.topics import telemetry_topic

_TIMEOUT_S = 10


def publish(broker: BrokerAddress, vin: str, readings: Sequence[Mapping[str, Any]]) -> None:
    """Publish each reading at QoS 1, and wait until the broker has acknowledged them. Raises LaunchError."""
    try:
        session = MqttSession(broker)
        try:
            session.connect()
            is_acknowledged = _publish(session, telemetry_topic(vin), readings)
        finally:
            session.close()
    except (OSError, ValueError) as failed:
        raise LaunchError(f"The broker at {broker} can't be used: {failed} (MQTT_HOST, MQTT_PORT).") from None
    if not is_acknowledged:
        raise LaunchError(
            f"The broker at {broker} did not take the readings (MQTT_USERNAME, MQTT_PASSWORD?)."
        )


def _publish(session: MqttSession, topic: str, readings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether all readings are acknowledged before the timeout, or a refusal."""
    waiting = {session.publish(topic, json.dumps(reading)).mid for reading in readings}
    deadline = time.monotonic() + _TIMEOUT_S
    while waiting and not session.refusal and time.monotonic() < deadline:
        waiting -= {one.mid for one in session.arrivals(0.1) if isinstance(one, Acknowledgement)}
    return not waiting
