"""Login and TLS of the worker's MQTT clients."""

import ssl

import paho.mqtt.client as mqtt

from shared.settings import WorkerSettings


def set_login(client: mqtt.Client, settings: WorkerSettings) -> None:
    """Set login and TLS of a client. Raises OSError for an unusable CA file."""
    if settings.mqtt_username is not None:
        secret = settings.mqtt_password
        client.username_pw_set(settings.mqtt_username, secret.get_secret_value() if secret else None)
    if settings.mqtt_tls_ca_file is not None:
        client.tls_set_context(ssl.create_default_context(cafile=settings.mqtt_tls_ca_file))
