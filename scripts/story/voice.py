"""One car's line to the broker: its own connection, with its own last will."""

from collections.abc import Iterator
from time import monotonic

from scripts.simulator.message import messages
from scripts.simulator.publisher import Publisher
from scripts.simulator.reading import DueReading
from scripts.simulator.stop import Stop
from scripts.story.life import Life
from shared.settings import BrokerSettings

_ARRAY = 1_000
_WINDOW = 60
"""Messages without an acknowledgement: a minute of live readings."""
_PATIENCE_S = 20.0
_SLICE_S = 0.1


class SilentBrokerError(Exception):
    """The broker has stopped acknowledging."""


class Voice:
    """Says `online` once connected, and `offline` when it is closed or cut off."""

    def __init__(self, life: Life, settings: BrokerSettings) -> None:
        self.life = life
        self._publisher = Publisher(settings, window=_WINDOW)

    @property
    def published(self) -> int:
        """Readings."""
        return self._publisher.published

    def connect(self) -> None:
        """Raises BrokerUnreachableError."""
        self._publisher.connect([self.life.role.vin])

    def tell_past(self, stop: Stop) -> None:
        """Publish the past in arrays until the broker has it all. Raises SilentBrokerError."""
        for message in messages(self._past(), _ARRAY):
            deadline = monotonic() + _PATIENCE_S
            while self._publisher.full and not stop.asked:
                self._publisher.collect(_SLICE_S)
                if monotonic() > deadline:
                    raise SilentBrokerError
            if stop.asked:
                return
            self._publisher.publish(message)
            self._publisher.collect()
        self._publisher.wait_for_acks(_PATIENCE_S, lambda: None)
        if self._publisher.unanswered and not stop.asked:
            raise SilentBrokerError

    def go_on(self, at: float) -> None:
        """Publish what is read at this moment; while the broker is away, a minute of it waits for it."""
        self._publisher.collect()
        due = [DueReading(0.0, self.life.role.vin, reading) for reading in self.life.on(at)]
        for message in messages(due, 1):
            if not self._publisher.full:
                self._publisher.publish(message)

    def close(self) -> None:
        self._publisher.close()

    def _past(self) -> Iterator[DueReading]:
        return (DueReading(0.0, self.life.role.vin, reading) for reading in self.life.past())
