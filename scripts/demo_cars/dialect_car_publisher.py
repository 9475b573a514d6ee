"""The publisher of one demo car in the dialect of another device: its live readings only."""

from scripts.demo_cars.car_readings import CarReadings
from scripts.demo_cars.dialect_cars import DialectCar
from scripts.simulator.dialects.burst import bursts
from scripts.simulator.publisher import Publisher
from scripts.simulator.reading import DueReading
from shared.settings import BrokerSettings

_WINDOW = 500
_SEED = 1


class DialectCarPublisher:
    """A connection that publishes each reading as the messages of the dialect.

    The dialects here send no time, so a past can't be published: the car begins where it would be now.
    """

    def __init__(self, dialect_car: DialectCar, car_readings: CarReadings, settings: BrokerSettings) -> None:
        self.car_readings = car_readings
        self._dialect_car = dialect_car
        self._publisher = Publisher(settings, window=_WINDOW)

    def connect(self) -> None:
        """Open the connection. Raises BrokerUnreachableError."""
        # No VIN: a status on our own topics is no part of the dialect.
        self._publisher.connect()

    def simulate_past(self) -> None:
        """Simulate the past up to now, without publishing."""
        for _ in self.car_readings.past():
            pass

    def publish_live(self, at: float) -> None:
        """Publish the readings of this moment; during an outage of the broker they are lost, as QoS 0 is."""
        self._publisher.collect()
        vin = self._dialect_car.car.vin
        due = [DueReading(0.0, vin, reading) for reading in self.car_readings.on(at)]
        for message in bursts(due, self._dialect_car.encoder, {vin: self._dialect_car.car}, seed=_SEED):
            if not self._publisher.full:
                self._publisher.publish(message)

    def close(self) -> None:
        self._publisher.close()
