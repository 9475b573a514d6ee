"""Sparkplug B 3.0: the simulator is an edge node, each car a device; protocol buffers, ms, QoS 0."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from scripts.simulator.dialects.encoder import EPOCH, MILLISECOND, Car, Encoder, Opening, Publication
from scripts.simulator.dialects.protobuf_fields import bytes_field, double_field, float_field, whole_field
from scripts.simulator.dialects.quantity import AS_IS, METRES, TENTHS, WHOLE, Quantity
from scripts.simulator.reading import Reading

_EDGE = "simulator"
_REBIRTH = "Node Control/Rebirth"
_NAMES = {
    "soc": "Battery/SoC",
    "soh": "Battery/SoH",
    "pack_voltage": "Battery/Voltage",
    "pack_current": "Battery/Current",
    "max_temp": "Battery/MaxTemp",
    "min_temp": "Battery/MinTemp",
    "odo_km": "Vehicle/Odometer",
}


class _Datatype(IntEnum):
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT32 = 7
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11


class _Form(NamedTuple):
    """A signal on the wire: its number, and the datatype that its birth announces."""

    quantity: Quantity
    datatype: _Datatype


_DOUBLES = dict.fromkeys(_NAMES, _Form(AS_IS, _Datatype.DOUBLE))
_MIXED = {
    **dict.fromkeys(("soc", "soh", "pack_voltage"), _Form(TENTHS, _Datatype.FLOAT)),
    "pack_current": _Form(Quantity(Fraction(1), Fraction(1, 10)), _Datatype.INT32),
    **dict.fromkeys(("max_temp", "min_temp"), _Form(WHOLE, _Datatype.INT16)),
    "odo_km": _Form(METRES, _Datatype.UINT32),
}
_BITS = {_Datatype.INT16: 16, _Datatype.INT32: 32, _Datatype.INT64: 64}


class Sparkplug(Encoder):
    """Sparkplug B: odd cars send names and doubles; even cars aliases, without names and datatypes.

    Even cars have whole numbers as two's complement: tenths of A, °C and metres. Null is sent as is_null.
    """

    name = "sparkplug"
    source = "Sparkplug B 3.0 edge nodes"
    prefix = "spBv1.0/demo"
    time_step = MILLISECOND

    def quantities(self, car: Car) -> Mapping[str, Quantity]:
        return {signal: form.quantity for signal, form in _forms(car).items()}

    def vehicle_id(self, car: Car) -> str:
        return f"car-{car.number}"

    def device_table(self, car: Car) -> str | None:
        return None if car.number % 2 else '{ pack_current = { scale = 0.1 }, odo_km = { unit = "m" } }'

    def encode(self, reading: Reading, car: Car) -> list[Publication]:
        wire, time = self.wire_numbers(reading, car), _milliseconds(self.sent_time(reading))
        metrics = b"".join(
            bytes_field(
                2, _identity(signal, car) + whole_field(3, time) + _value(form.datatype, wire[signal])
            )
            for signal, form in _forms(car).items()
        )
        return [self._publication("DDATA", whole_field(1, time) + metrics, car)]

    def numbered(self, publication: Publication, number: int) -> Publication:
        """Append the sequence number, 0 to 255."""
        payload = publication.payload + whole_field(3, number % 256)
        return publication._replace(payload=payload)

    def opening(self, cars: Sequence[Car], now: datetime) -> Opening:
        """Return the births of the edge node and of its cars, and the death of the edge node.

        bdSeq stays 0: paho connects again with the same last will.
        """
        time = _milliseconds(now)
        session = _named("bdSeq", _Datatype.INT64, time) + whole_field(11, 0)
        rebirth = _named(_REBIRTH, _Datatype.BOOLEAN, time) + whole_field(14, 0)
        births = [self._publication("NBIRTH", whole_field(1, time) + _metrics([session, rebirth]))]
        births += [self._publication("DBIRTH", _birth(car, time), car) for car in cars]
        return Opening(
            births=[self.numbered(birth, number) for number, birth in enumerate(births)],
            death=self._publication("NDEATH", whole_field(1, time) + _metrics([session]))._replace(qos=1),
            commands=f"{self.prefix}/NCMD/{_EDGE}",
            rebirth=_REBIRTH.encode(),
        )

    def _publication(self, verb: str, payload: bytes, car: Car | None = None) -> Publication:
        device = "" if car is None else f"/{self.vehicle_id(car)}"
        return Publication(f"{self.prefix}/{verb}/{_EDGE}{device}", payload, 0, retain=False)


def _forms(car: Car) -> Mapping[str, _Form]:
    return _DOUBLES if car.number % 2 else _MIXED


def _identity(signal: str, car: Car) -> bytes:
    name = _NAMES[signal]
    return bytes_field(1, name.encode()) if car.number % 2 else whole_field(2, _alias(signal, car))


def _alias(signal: str, car: Car) -> int:
    """Return an alias that no other metric of the edge node has."""
    return car.number * 10 + list(_NAMES).index(signal)


def _birth(car: Car, time: int) -> bytes:
    """Return the payload of a birth: the values are not known yet, so they are null."""
    metrics = []
    for signal, form in _forms(car).items():
        alias = b"" if car.number % 2 else whole_field(2, _alias(signal, car))
        name = bytes_field(1, _NAMES[signal].encode())
        kind = whole_field(3, time) + whole_field(4, form.datatype)
        metrics.append(name + alias + kind + _value(form.datatype, None))
    return whole_field(1, time) + _metrics(metrics)


def _named(name: str, datatype: _Datatype, time: int) -> bytes:
    return bytes_field(1, name.encode()) + whole_field(3, time) + whole_field(4, datatype)


def _metrics(metrics: Sequence[bytes]) -> bytes:
    return b"".join(bytes_field(2, metric) for metric in metrics)


def _value(datatype: _Datatype, wire: Fraction | None) -> bytes:
    if wire is None:
        return whole_field(7, 1)
    if datatype is _Datatype.DOUBLE:
        return double_field(13, float(wire))
    if datatype is _Datatype.FLOAT:
        return float_field(12, float(wire))
    return whole_field(10, int(wire) % (1 << _BITS.get(datatype, 32)))


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND
