"""evcc: text of at most three decimals on one topic a value, QoS 1 (a setting there), retained, no time."""

from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.quantity import THOUSANDTHS, json_number
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading


class Evcc(ValueTopics):
    """evcc: soc and odometer of the car at a load point; null is an empty payload."""

    name = "evcc"
    source = "evcc"
    prefix = "evcc"
    topic = "{prefix}/loadpoints/{id}/{key}"
    qos = 1
    retain = True
    signals: ClassVar[Signals] = {
        "soc": ("vehicleSoc", THOUSANDTHS),
        "odo_km": ("vehicleOdometer", THOUSANDTHS),
    }

    def vehicle_id(self, car: Car) -> str:
        """Return the number of the load point: one car at each."""
        return str(car.number)

    def text(self, _signal: str, wire: Fraction | None, _car: Car) -> str:
        return "" if wire is None else str(json_number(wire))

    def others(self, _reading: Reading, car: Car) -> list[tuple[str, str]]:
        """Return the title of the car at the load point."""
        return [("vehicleTitle", car.vin)]
