"""openWB 2: JSON scalars on one topic a value, QoS 0, retained; the time of the soc on another topic."""

import json
from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car, time_of
from scripts.simulator.dialects.quantity import AS_IS, WHOLE, json_number
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading


class OpenWb(ValueTopics):
    """openWB: whole soc, and the odometer; vehicles are numbers."""

    name = "openwb"
    source = "openWB 2"
    prefix = "openWB"
    topic = "{prefix}/vehicle/{id}/get/{key}"
    qos = 0
    retain = True
    signals: ClassVar[Signals] = {"soc": ("soc", WHOLE), "odo_km": ("odometer", AS_IS)}

    def vehicle_id(self, car: Car) -> str:
        return str(car.number)

    def text(self, _signal: str, wire: Fraction | None, _car: Car) -> str:
        return json.dumps(json_number(wire))

    def others(self, reading: Reading, _car: Car) -> list[tuple[str, str]]:
        """Return the time of the soc."""
        return [("soc_timestamp", str(int(time_of(reading).timestamp())))]
