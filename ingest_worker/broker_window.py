"""The broker's in-flight window, compared with the worker's setting, which must be the same.

MQTT 3.1.1, the protocol of the worker's session, does not announce the window. The CONNACK of MQTT 5 has a
Receive Maximum, for which Mosquitto takes the same setting, `max_inflight_messages`: hence one short
connection of that version.
"""

import logging
import threading

from ingest_worker.mqtt_client import MOST_IN_FLIGHT, receive_maximum
from shared.settings import WorkerSettings

log = logging.getLogger("ingest_worker.window")


class BrokerWindow:
    """The broker's window, which a thread reads once, and compares with the setting."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._thread: threading.Thread | None = None
        self.size: int | None = None
        """In messages; None while it is not known."""

    def read(self) -> None:
        """Begin to read the window, at the first call; return at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="broker window", daemon=True)
            self._thread.start()

    @property
    def is_reading(self) -> bool:
        """True from the first call of `read` until the broker has answered, or the connection has failed."""
        return self._thread is not None and self._thread.is_alive()

    def _read(self) -> None:
        try:
            size = receive_maximum(self._settings, f"{self._settings.mqtt_client_id}-window")
        except (OSError, ValueError) as error:
            log.debug("The broker's window is not known: %s", error)
            return
        if size is not None:
            self._compare(size)
            self.size = size

    def _compare(self, size: int) -> None:
        own = self._settings.mqtt_max_inflight
        if size < own:
            log.warning(
                "The broker sends %d messages before it waits for acknowledgements, MQTT_MAX_INFLIGHT is %d:"
                " batches are smaller for it, and fewer readings are stored a second."
                " Set max_inflight_messages %d in the broker's configuration.",
                size,
                own,
                own,
            )
        elif own < size < MOST_IN_FLIGHT:
            log.info("The broker sends up to %d messages unacknowledged, MQTT_MAX_INFLIGHT is %d.", size, own)
