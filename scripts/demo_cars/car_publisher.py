"""The publisher of one demo car: a connection of its own, with a last will of its own."""

from collections.abc import Iterator
from time import monotonic

from scripts.demo_cars.car_readings import CarReadings
from scripts.simulator.message import messages
from scripts.simulator.publisher import Publisher
from scripts.simulator.reading import DueReading
from scripts.simulator.stop import Stop
from shared.settings import BrokerSettings

_ARRAY = 1_000
_WINDOW = 60
"""Messages without an acknowledgement: a minute of live readings."""
_TIMEOUT_S = 20.0
_SLICE_S = 0.1


class SilentBrokerError(Exception):
    """The broker has stopped acknowledging."""


class CarPublisher:
    """A connection that publishes `online` on connect, and `offline` when it is closed or lost."""

    def __init__(self, car_readings: CarReadings, settings: BrokerSettings) -> None:
        self.car_readings = car_readings
        self._publisher = Publisher(settings, window=_WINDOW)

    @property
    def published(self) -> int:
        """The number of readings published."""
        return self._publisher.published

    def connect(self) -> None:
        """Open the connection. Raises BrokerUnreachableError."""
        self._publisher.connect([self.car_readings.demo_car.vin])

    def publish_past(self, stop: Stop) -> None:
        """Publish the past in arrays until the broker has acknowledged it all. Raises SilentBrokerError."""
        for message in messages(self._past(), _ARRAY):
            deadline = monotonic() + _TIMEOUT_S
            while self._publisher.full and not stop.requested:
                self._publisher.collect(_SLICE_S)
                if monotonic() > deadline:
                    raise SilentBrokerError
            if stop.requested:
                return
            self._publisher.publish(message)
            self._publisher.collect()
        self._publisher.wait_for_acks(_TIMEOUT_S, lambda: None)
        if self._publisher.unanswered and not stop.requested:
            raise SilentBrokerError

    def publish_live(self, at: float) -> None:
        """Publish the readings of this moment; during an outage of the broker, those of a minute are kept."""
        self._publisher.collect()
        due = [
            DueReading(0.0, self.car_readings.demo_car.vin, reading) for reading in self.car_readings.on(at)
        ]
        for message in messages(due, 1):
            if not self._publisher.full:
                self._publisher.publish(message)

    def close(self) -> None:
        self._publisher.close()

    def _past(self) -> Iterator[DueReading]:
        return (
            DueReading(0.0, self.car_readings.demo_car.vin, reading) for reading in self.car_readings.past()
        )
