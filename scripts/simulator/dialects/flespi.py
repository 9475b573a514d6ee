"""flespi: one flat JSON object per message of a tracker, with its own time. QoS 1, not retained."""

from collections.abc import Mapping
from fractions import Fraction

from scripts.simulator.dialects.encoder import EPOCH, MILLISECOND, Car, Encoder, Publication, json_bytes
from scripts.simulator.dialects.quantity import AS_IS, WHOLE, Quantity, json_number
from scripts.simulator.reading import Reading

_KEYS = {"soc": "can.vehicle.battery.level", "odo_km": "can.vehicle.mileage"}


class Flespi(Encoder):
    """flespi: whole soc, and the odometer; `battery.voltage` is that of the tracker."""

    name = "flespi"
    source = "flespi"
    prefix = "flespi/message"
    time_step = MILLISECOND

    def vehicle_id(self, car: Car) -> str:
        """Return the tracker's IMEI."""
        return imei(car)

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return {"soc": WHOLE, "odo_km": AS_IS}

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        milliseconds = (self.sent_time(reading) - EPOCH) // MILLISECOND
        message: dict[str, object] = {
            "ident": imei(car),
            "timestamp": json_number(Fraction(milliseconds, 1000)),
            "battery.voltage": 4.1,
            "external.powersource.voltage": 12.6,
        }
        message |= self.known_numbers(reading, car, _KEYS)
        # flespi's own number of the device.
        topic = f"{self.prefix}/gw/devices/{5_000_000 + car.number}"
        return [Publication(topic, json_bytes(message), 1, retain=False)]


def imei(car: Car) -> str:
    """Return the IMEI of the tracker in a car: 15 digits."""
    return f"352{car.number:012d}"
