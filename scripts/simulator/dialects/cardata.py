"""BMW CarData through a bridge: the streamed document unchanged, a time for each value, QoS 0."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from scripts.simulator.dialects.encoder import SECOND, Car, Encoder, Publication, json_bytes
from scripts.simulator.dialects.quantity import WHOLE, Quantity, json_number
from scripts.simulator.reading import Reading

_HEADER = "vehicle.drivetrain.batteryManagement.header"
_HEALTH = "vehicle.powertrain.electric.battery.stateOfHealth.displayed"
_DISTANCE = "vehicle.vehicle.travelledDistance"
_SENT_AFTER = timedelta(seconds=2, milliseconds=104)


class CarData(Encoder):
    """BMW CarData: whole numbers and whole seconds; a reading leaves as two documents of one time.

    Null is sent as the stream has it: "INVALID", null or "".
    """

    name = "bmw-cardata"
    source = "BMW CarData through a bridge"
    prefix = "bmw"
    time_step = SECOND

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return {"soc": WHOLE, "soh": WHOLE, "odo_km": WHOLE}

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        wire = self.wire_numbers(reading, car)
        soc, soh, odo_km = (json_number(wire[signal]) for signal in ("soc", "soh", "odo_km"))
        taken = self.sent_time(reading)
        documents: tuple[dict[str, Any], ...] = (
            {
                _HEADER: _value(taken, "INVALID" if soc is None else soc, "percent"),
                # The stream has this number as a string.
                _DISTANCE: _value(taken, "" if odo_km is None else str(odo_km), "km"),
            },
            {_HEALTH: _value(taken, soh, "percent")},
        )
        return [
            Publication(f"{self.prefix}/raw/{car.vin}", _document(car, taken, data), 0, retain=False)
            for data in documents
        ]


def _value(taken: datetime, value: object, unit: str) -> dict[str, object]:
    return {"timestamp": _rfc3339(taken, "seconds"), "value": value, "unit": unit}


def _document(car: Car, taken: datetime, data: dict[str, Any]) -> bytes:
    return json_bytes(
        {
            "vin": car.vin,
            "entityId": f"00000000-0000-4000-8000-{car.number:012d}",
            "topic": car.vin,
            "timestamp": _rfc3339(taken + _SENT_AFTER, "milliseconds"),
            "data": data,
        }
    )


def _rfc3339(moment: datetime, timespec: str) -> str:
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
