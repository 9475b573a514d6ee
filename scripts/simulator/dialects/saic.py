"""SAIC (MG) gateway: text on one topic a value, QoS 0, retained, without a time."""

from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.quantity import TENTHS, Quantity
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading

_U16 = 65_535
# The gateway turns the car's raw numbers into A and V; below -1000 A there are none.
_CURRENT = Quantity(Fraction(1), Fraction("0.05"), Fraction(-1000), highest=_U16)
_VOLTAGE = Quantity(Fraction(1), Fraction("0.25"), highest=_U16)


class Saic(ValueTopics):
    """saic-python-mqtt-gateway: soc, odometer, voltage by 0.25 V, current by 0.05 A with our sign."""

    name = "saic"
    source = "saic-python-mqtt-gateway (MG)"
    prefix = "saic/demo"
    topic = "{prefix}/vehicles/{id}/{key}"
    qos = 0
    retain = True
    signals: ClassVar[Signals] = {
        "odo_km": ("drivetrain/mileage", TENTHS),
        "soc": ("drivetrain/soc", TENTHS),
        "pack_current": ("drivetrain/current", _CURRENT),
        "pack_voltage": ("drivetrain/voltage", _VOLTAGE),
    }

    def text(self, signal: str, wire: Fraction | None, _car: Car) -> str | None:
        _, quantity = self.signals[signal]
        return None if wire is None else str(quantity.value(wire))

    def others(self, reading: Reading, car: Car) -> list[tuple[str, str]]:
        """Return the power in kW, which is no signal of ours."""
        wire = self.wire_numbers(reading, car)
        voltage, current = _VOLTAGE.value(wire["pack_voltage"]), _CURRENT.value(wire["pack_current"])
        if voltage is None or current is None:
            return []
        return [("drivetrain/power", str(round(voltage * current / 1000, 3)))]
