"""The publisher of one demo car in the dialect of another device: its live readings only."""

from scripts.simulator.dialects.burst import bursts
from scripts.simulator.publisher import Publisher
from scripts.simulator.reading import DueReading
from scripts.story.dialect_cars import DialectCar
from scripts.story.life import CarReadings
from shared.settings import BrokerSettings

_WINDOW = 500
_SEED = 1


class DialectPublisher:
    """A connection that publishes each reading as the messages of the dialect.

    The dialects here send no time, so a past can't be published: the car begins where it would be now.
    """

    def __init__(self, speaker: DialectCar, life: CarReadings, settings: BrokerSettings) -> None:
        self.life = life
        self._speaker = speaker
        self._publisher = Publisher(settings, window=_WINDOW)

    def connect(self) -> None:
        """Open the connection. Raises BrokerUnreachableError."""
        # No VIN: a status on our own topics is no part of the dialect.
        self._publisher.connect()

    def live_past(self) -> None:
        """Simulate the past up to now, without publishing."""
        for _ in self.life.past():
            pass

    def publish_live(self, at: float) -> None:
        """Publish the readings of this moment; during an outage of the broker they are lost, as QoS 0 is."""
        self._publisher.collect()
        vin = self._speaker.car.vin
        due = [DueReading(0.0, vin, reading) for reading in self.life.on(at)]
        for message in bursts(due, self._speaker.encoder, {vin: self._speaker.car}, seed=_SEED):
            if not self._publisher.full:
                self._publisher.publish(message)

    def close(self) -> None:
        self._publisher.close()
