"""TeslaMate: text on one topic a value, QoS 1, retained, unordered, without a time."""

from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.quantity import HUNDREDTHS, WHOLE, json_number
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading


class TeslaMate(ValueTopics):
    """TeslaMate: soc and odometer only; what is unknown is an empty payload."""

    name = "teslamate"
    source = "TeslaMate"
    prefix = "teslamate"
    topic = "{prefix}/cars/{id}/{key}"
    qos = 1
    retain = True
    is_unordered = True
    signals: ClassVar[Signals] = {"soc": ("battery_level", WHOLE), "odo_km": ("odometer", HUNDREDTHS)}

    def vehicle_id(self, car: Car) -> str:
        return str(car.number)

    def text(self, signal: str, wire: Fraction | None, _car: Car) -> str:
        if wire is None:
            return ""
        return str(float(wire)) if signal == "odo_km" else str(json_number(wire))

    def others(self, _reading: Reading, _car: Car) -> list[tuple[str, str]]:
        """Return the voltage of the charger's AC side, which is not the battery's."""
        return [("charger_voltage", "230")]
