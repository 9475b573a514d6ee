"""OVMS v3: each metric as text of at most six significant digits, QoS 0, retained, without a time."""

from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import SECOND, Car, time_of
from scripts.simulator.dialects.quantity import Quantity
from scripts.simulator.dialects.value_topics import Signals, ValueTopics
from scripts.simulator.reading import Reading

_DIGITS = 6
"""Default formatting of a C++ stream: 123456.7 km is sent as 123457, a million as 1e+06."""
_METRIC = Quantity(digits=_DIGITS)


class Ovms(ValueTopics):
    """OVMS v3: current is positive for output, as ours."""

    name = "ovms"
    source = "OVMS v3 modules"
    prefix = "ovms/demo"
    topic = "{prefix}/{id}/metric/{key}"
    qos = 0
    retain = True
    signals: ClassVar[Signals] = {
        "soc": ("v/b/soc", _METRIC),
        "soh": ("v/b/soh", _METRIC),
        "pack_voltage": ("v/b/voltage", _METRIC),
        "pack_current": ("v/b/current", _METRIC),
        "max_temp": ("v/b/p/temp/max", _METRIC),
        "min_temp": ("v/b/p/temp/min", _METRIC),
        "odo_km": ("v/p/odometer", _METRIC),
    }

    def vehicle_id(self, car: Car) -> str:
        return f"DEMO{car.number}"

    def text(self, _signal: str, wire: Fraction | None, _car: Car) -> str | None:
        return None if wire is None else f"{float(wire):.{_DIGITS}g}"

    def others(self, reading: Reading, _car: Car) -> list[tuple[str, str]]:
        """Return the module's own time, which is a metric like the others."""
        seconds = int(time_of(reading).timestamp() // SECOND.total_seconds())
        return [("m/time/utc", str(seconds))]
