"""COVESA VSS 6 as one JSON object of dotted paths, with its own time. QoS 1 is our choice: no standard."""

from collections.abc import Mapping
from fractions import Fraction

from scripts.simulator.dialects.encoder import (
    EPOCH,
    MILLISECOND,
    Car,
    Encoder,
    Publication,
    json_bytes,
)
from scripts.simulator.dialects.quantity import AS_IS, METRES, THOUSANDTHS, Quantity, json_number, negated
from scripts.simulator.reading import Reading

_BATTERY = "Vehicle.Powertrain.TractionBattery"
_SIGNALS = {
    "soc": (f"{_BATTERY}.StateOfCharge.Current", AS_IS),
    "soh": (f"{_BATTERY}.StateOfHealth", AS_IS),
    "pack_voltage": (f"{_BATTERY}.CurrentVoltage", AS_IS),
    # Positive = into the battery.
    "pack_current": (f"{_BATTERY}.CurrentCurrent", negated(THOUSANDTHS)),
    "max_temp": (f"{_BATTERY}.Temperature.Max", AS_IS),
    "min_temp": (f"{_BATTERY}.Temperature.Min", AS_IS),
    "odo_km": ("Vehicle.TraveledDistance", METRES),
}
_QUANTITIES = {signal: quantity for signal, (_, quantity) in _SIGNALS.items()}


class Vss(Encoder):
    """VSS 6: distance in metres; odd cars send `ts` in milliseconds since 1970, even ones by RFC 3339."""

    name = "vss"
    source = "COVESA VSS 6 (JSON)"
    prefix = "vss"
    time_step = MILLISECOND

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return _QUANTITIES

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        wire: dict[str, Fraction | None] = self.wire_numbers(reading, car)
        document: dict[str, object] = {
            path: json_number(wire[signal]) for signal, (path, _) in _SIGNALS.items()
        }
        document["Vehicle.VehicleIdentification.VIN"] = car.vin
        taken = self.sent_time(reading)
        document["ts"] = (
            (taken - EPOCH) // MILLISECOND
            if car.number % 2
            else taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        return [Publication(f"{self.prefix}/{car.vin}", json_bytes(document), 1, retain=False)]
