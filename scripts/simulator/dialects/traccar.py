"""Traccar's forwarding: nested JSON on one topic for all devices, with its own time. QoS 1, not retained."""

from collections.abc import Mapping

from scripts.simulator.dialects.encoder import (
    MILLISECOND,
    SECOND,
    Car,
    Encoder,
    Publication,
    json_bytes,
)
from scripts.simulator.dialects.flespi import imei
from scripts.simulator.dialects.quantity import METRES, Quantity, json_number
from scripts.simulator.reading import Reading


class Traccar(Encoder):
    """Traccar: the odometer in metres; `power` and `battery` are those of the 12 V supply and the tracker."""

    name = "traccar"
    source = "Traccar's forwarding"
    prefix = "positions"
    time_step = MILLISECOND

    def vehicle_id(self, car: Car) -> str:
        """Return the tracker's IMEI."""
        return imei(car)

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return {"odo_km": METRES}

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        taken = self.sent_time(reading)
        attributes: dict[str, object] = {"power": 12.6, "battery": 4.1}
        odometer = json_number(self.wire_numbers(reading, car)["odo_km"])
        if odometer is not None:
            attributes["odometer"] = odometer
        position = {
            "fixTime": taken.isoformat(timespec="milliseconds"),
            "deviceTime": taken.isoformat(timespec="milliseconds"),
            # The server gets it later: a receiver must not take this time.
            "serverTime": (taken + SECOND).isoformat(timespec="milliseconds"),
            "attributes": attributes,
        }
        device = {"id": car.number, "name": car.vin, "uniqueId": imei(car)}
        return [
            Publication(self.prefix, json_bytes({"position": position, "device": device}), 1, retain=False)
        ]
