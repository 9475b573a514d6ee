"""CarConnectivity with `topic_format: json`: value, time and unit in each message, QoS 1, retained."""

from collections.abc import Mapping

from scripts.simulator.dialects.encoder import MICROSECOND, Car, Encoder, Publication, json_bytes
from scripts.simulator.dialects.quantity import TENTHS, TENTHS_FAHRENHEIT, TENTHS_OF_A_MILE, Quantity
from scripts.simulator.reading import Reading

_KEYS = {
    "soc": "drives/primary/level",
    "max_temp": "drives/primary/battery/temperature_max",
    "min_temp": "drives/primary/battery/temperature_min",
    "odo_km": "odometer",
}
_METRIC = dict.fromkeys(_KEYS, TENTHS)
_IMPERIAL = {
    "soc": TENTHS,
    "max_temp": TENTHS_FAHRENHEIT,
    "min_temp": TENTHS_FAHRENHEIT,
    "odo_km": TENTHS_OF_A_MILE,
}
_METRIC_UNITS = {"soc": "%", "max_temp": "C", "min_temp": "C", "odo_km": "km"}
_IMPERIAL_UNITS = {"soc": "%", "max_temp": "F", "min_temp": "F", "odo_km": "mi"}


class CarConnectivity(Encoder):
    """CarConnectivity: odd cars in kilometres and °C, even ones in miles and °F; the message has the unit."""

    name = "carconnectivity"
    source = "CarConnectivity-plugin-mqtt (JSON)"
    prefix = "carconnectivity/0"
    time_step = MICROSECOND

    def quantities(self, car: Car) -> Mapping[str, Quantity]:
        return _METRIC if car.number % 2 else _IMPERIAL

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        units = _METRIC_UNITS if car.number % 2 else _IMPERIAL_UNITS
        # As Python writes a time: with a blank for the T.
        updated = str(self.sent_time(reading))
        wire = self.wire_numbers(reading, car)
        return [
            Publication(
                f"{self.prefix}/garage/{self.vehicle_id(car)}/{key}_json",
                json_bytes(
                    {
                        "val": None if (number := wire[signal]) is None else float(number),
                        "upd": updated,
                        "uni": units[signal],
                    }
                ),
                1,
                retain=True,
            )
            for signal, key in _KEYS.items()
        ]
