"""Tesla fleet-telemetry, MQTT dispatcher: one JSON value a topic, QoS 0, not retained, without its time."""

import json
from fractions import Fraction
from typing import ClassVar

from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.quantity import TENTHS, TENTHS_OF_A_MILE, json_number, negated
from scripts.simulator.dialects.value_topics import Signals, ValueTopics


class FleetTelemetry(ValueTopics):
    """Tesla fleet-telemetry: current negative while driving, odometer in miles, fields in random order.

    Even cars are older ones, which send numbers as strings.
    """

    name = "tesla-fleet-telemetry"
    source = "Tesla fleet-telemetry"
    prefix = "telemetry"
    topic = "{prefix}/{id}/v/{key}"
    qos = 0
    retain = False
    is_unordered = True
    signals: ClassVar[Signals] = {
        "soc": ("Soc", TENTHS),
        "pack_voltage": ("PackVoltage", TENTHS),
        "pack_current": ("PackCurrent", negated(TENTHS)),
        "max_temp": ("ModuleTempMax", TENTHS),
        "min_temp": ("ModuleTempMin", TENTHS),
        "odo_km": ("Odometer", TENTHS_OF_A_MILE),
    }

    def text(self, _signal: str, wire: Fraction | None, car: Car) -> str:
        value = json.dumps(json_number(wire))
        return value if wire is None or car.number % 2 else f'"{value}"'
