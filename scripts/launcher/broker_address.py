"""The broker's address and credentials, as a client of it needs them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from scripts.launcher.launch_error import LaunchError
from shared.settings import BrokerSettings


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

    @classmethod
    def from_settings(cls, settings: BrokerSettings) -> Self:
        """Return the address and the credentials of these settings."""
        return cls(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            username=settings.mqtt_username,
            password=settings.mqtt_password.get_secret_value() if settings.mqtt_password else None,
            tls_ca_file=str(settings.mqtt_tls_ca_file) if settings.mqtt_tls_ca_file else None,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
