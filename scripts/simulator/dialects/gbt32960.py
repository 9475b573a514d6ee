"""GB/T 32960 (2016) through EMQX's gateway: JSON of the frame's raw integers, local time, QoS 1."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from scripts.simulator.dialects.encoder import (
    SECOND,
    Car,
    Encoder,
    Publication,
    is_charging,
    json_bytes,
    number_of,
)
from scripts.simulator.dialects.quantity import Quantity
from scripts.simulator.reading import Reading

_CHINA = timezone(timedelta(hours=8))
_TENTH = Fraction(1, 10)
_ONE = Fraction(1)
_TEMPERATURE = Quantity(_ONE, offset=Fraction(-40), highest=250)
_QUANTITIES = {
    "soc": Quantity(_ONE, highest=100),
    "pack_voltage": Quantity(_ONE, _TENTH, highest=10_000),
    "pack_current": Quantity(_ONE, _TENTH, Fraction(-1000), highest=20_000),
    "max_temp": _TEMPERATURE,
    "min_temp": _TEMPERATURE,
    "odo_km": Quantity(_ONE, _TENTH, highest=9_999_999),
}
_BYTES = {"soc": 1, "pack_voltage": 2, "pack_current": 2, "max_temp": 1, "min_temp": 1, "odo_km": 4}


class Gbt32960(Encoder):
    """GB/T 32960: whole seconds, %, °C; tenths of V, A and km; no soh; current positive = discharge.

    A value beyond the standard's range is sent as the code for "abnormal", null as that for "invalid".
    """

    name = "gbt32960-emqx"
    source = "GB/T 32960 through EMQX's gateway"
    prefix = "gbt32960"
    time_step = SECOND

    def quantities(self, _car: Car) -> Mapping[str, Quantity]:
        return _QUANTITIES

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        raw = {signal: self._raw(signal, reading) for signal in _QUANTITIES}
        vehicle = {
            "Type": "Vehicle",
            "Status": 1,
            "Charging": 1 if is_charging(reading) else 3,
            "Mode": 1,
            "Speed": 0,
            "Mileage": raw["odo_km"],
            "Voltage": raw["pack_voltage"],
            "Current": raw["pack_current"],
            "SOC": raw["soc"],
        }
        extreme = {"Type": "Extreme", "MaxTemp": raw["max_temp"], "MinTemp": raw["min_temp"]}
        report = {
            "Cmd": 2,
            "Encrypt": 1,
            "Vin": car.vin,
            "Data": {"Time": _local(self.sent_time(reading)), "Infos": [vehicle, extreme]},
        }
        topic = f"{self.prefix}/{car.vin}/upstream/info"
        return [Publication(topic, json_bytes(report), 1, retain=False)]

    def _raw(self, signal: str, reading: Reading) -> int:
        invalid = (1 << 8 * _BYTES[signal]) - 1
        value = number_of(reading, signal)
        if value is None:
            return invalid
        wire = _QUANTITIES[signal].wire(value)
        return invalid - 1 if wire is None else int(wire)


def _local(moment: datetime) -> dict[str, int]:
    local = moment.astimezone(_CHINA)
    return {
        "Year": local.year - 2000,
        "Month": local.month,
        "Day": local.day,
        "Hour": local.hour,
        "Minute": local.minute,
        "Second": local.second,
    }
