"""WeConnect-mqtt (VW, end of life): text on one topic a value, QoS 1, retained; times on other topics."""

from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car, time_of
from scripts.simulator.dialects.quantity import HUNDREDTHS_KELVIN, WHOLE, json_number
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading

_TEMPERATURES = "domains/measurements/temperatureBatteryStatus/temperatureHvBattery"


class WeConnect(ValueTopics):
    """WeConnect-mqtt: whole soc and kilometres, temperatures in kelvin."""

    name = "weconnect"
    source = "WeConnect-mqtt (VW)"
    prefix = "weconnect/0"
    topic = "{prefix}/vehicles/{id}/{key}"
    qos = 1
    retain = True
    signals: ClassVar[Signals] = {
        "soc": ("domains/charging/batteryStatus/currentSOC_pct", WHOLE),
        "odo_km": ("domains/measurements/odometerStatus/odometer", WHOLE),
        "max_temp": (f"{_TEMPERATURES}Max_K", HUNDREDTHS_KELVIN),
        "min_temp": (f"{_TEMPERATURES}Min_K", HUNDREDTHS_KELVIN),
    }

    def text(self, signal: str, wire: Fraction | None, _car: Car) -> str:
        """Return the payload; that of a disabled value is empty."""
        if wire is None:
            return ""
        return str(float(wire)) if signal.endswith("_temp") else str(json_number(wire))

    def others(self, reading: Reading, _car: Car) -> list[tuple[str, str]]:
        """Return the time at which the car took the values: one topic for each status."""
        taken = str(time_of(reading))
        statuses = {key.rpartition("/")[0]: taken for key, _ in self.signals.values()}
        return [(f"{status}/carCapturedTimestamp", time) for status, time in statuses.items()]
