"""ABRP's telemetry as scripts mirror it on MQTT: one flat JSON object, unix seconds. QoS 1 is our choice."""

from collections.abc import Mapping

from scripts.simulator.dialects.encoder import (
    EPOCH,
    SECOND,
    Car,
    Encoder,
    Publication,
    is_charging,
    json_bytes,
)
from scripts.simulator.dialects.quantity import AS_IS, Quantity, json_number
from scripts.simulator.reading import Reading

_KEYS = {
    "soc": "soc",
    "soh": "soh",
    "pack_voltage": "voltage",
    "pack_current": "current",
    "max_temp": "batt_temp",
    "odo_km": "odometer",
}


class Abrp(Encoder):
    """ABRP: current positive = out of the battery; its one temperature is our hottest cell."""

    name = "abrp"
    source = "ABRP's telemetry, mirrored"
    prefix = "abrp"
    time_step = SECOND

    def vehicle_id(self, car: Car) -> str:
        return f"demo-{car.number}"

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return dict.fromkeys(_KEYS, AS_IS)

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        wire = self.wire_numbers(reading, car)
        message: dict[str, object] = {"utc": (self.sent_time(reading) - EPOCH) // SECOND}
        message |= self.known_numbers(reading, car, _KEYS)
        voltage, current = wire["pack_voltage"], wire["pack_current"]
        if voltage is not None and current is not None:
            message["power"] = json_number(round(voltage * current / 1000, 3))
        message["is_charging"] = is_charging(reading)
        topic = f"{self.prefix}/{self.vehicle_id(car)}"
        return [Publication(topic, json_bytes(message), 1, retain=False)]
