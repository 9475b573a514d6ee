"""WiCAN AutoPID: one JSON object per cycle, named by the car's profile, QoS 0, retained, without a time."""

from collections.abc import Mapping

from scripts.simulator.dialects.encoder import Car, Encoder, Publication, SentReading, is_charging, json_bytes
from scripts.simulator.dialects.quantity import (
    HUNDREDTHS,
    TENTHS_OF_A_MILE,
    Quantity,
    negated,
)
from scripts.simulator.reading import Reading

_COMMON = {"soc": "SOC", "soh": "SOH", "pack_voltage": "HV_V", "pack_current": "HV_A"}
_EXTREMES = _COMMON | {"max_temp": "HV_T_MAX", "min_temp": "HV_T_MIN", "odo_km": "ODOMETER"}
# As profiles write them: the probes in the order of their numbers.
_PROBES = _COMMON | {"min_temp": "HV_T_1", "max_temp": "HV_T_2", "odo_km": "ODOMETER_MI"}


class Wican(Encoder):
    """WiCAN with two profiles of cars.

    Odd cars: current positive = charge, hottest and coldest cell, kilometres. Even cars: current positive =
    discharge, two probes of which a receiver takes the extremes, miles.
    """

    name = "wican"
    source = "WiCAN AutoPID"
    prefix = "wican"

    def vehicle_id(self, car: Car) -> str:
        """Return a MAC: locally administered, of 12 hexadecimal digits."""
        return f"02534d{car.number:06x}"

    def device_table(self, car: Car) -> str | None:
        return "{ pack_current = { sign = -1 } }" if _charges_positive(car) else None

    def quantities(self, car: Car) -> Mapping[str, Quantity]:
        quantities = dict.fromkeys(_names(car), HUNDREDTHS)
        if _charges_positive(car):
            return quantities | {"pack_current": negated(HUNDREDTHS)}
        return quantities | {"odo_km": TENTHS_OF_A_MILE}

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        group = self.known_numbers(reading, car, _names(car))
        group["CHARGING"] = "on" if is_charging(reading) else "off"
        topic = f"{self.prefix}/{self.vehicle_id(car)}/can/rx"
        return [Publication(topic, json_bytes(group), 0, retain=True)]

    def as_sent(self, reading: Reading, car: Car) -> SentReading:
        sent = super().as_sent(reading, car)
        if not _charges_positive(car):
            probes = [sent.signals[name] for name in ("max_temp", "min_temp")]
            known = [probe for probe in probes if probe is not None]
            sent.signals["max_temp"] = max(known, default=None)
            sent.signals["min_temp"] = min(known, default=None)
        return sent


def _charges_positive(car: Car) -> bool:
    return car.number % 2 == 1


def _names(car: Car) -> dict[str, str]:
    return _EXTREMES if _charges_positive(car) else _PROBES
