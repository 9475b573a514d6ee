"""The value of a Sparkplug metric as a number: signed by its datatype, a float in its shortest form."""

import struct
from typing import Any

from shared.wire.sparkplug import Metric

# Datatypes of whole numbers with a sign: their bits. They travel without one, as two's complement.
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
_WHOLE = ("int_value", "long_value")
_WIDTHS = (32, 64)
_UNFIT = object()
_FLOAT = struct.Struct("<f")


class UnknownDatatypeError(Exception):
    """The whole number may be negative or not: only its datatype tells, which is not known."""


def metric_value(metric: Metric, announced: int | None) -> Any:
    """Return the value as a mapping takes it, None for a null; `announced`: the datatype in the birth.

    Raises UnknownDatatypeError.
    """
    value = metric.value
    if metric.field in _WHOLE and isinstance(value, int):
        return _whole(value, announced if metric.datatype is None else metric.datatype)
    if metric.field == "float_value" and isinstance(value, float):
        return _shortest(value)
    return value


def _whole(value: int, datatype: int | None) -> Any:
    if datatype is None:
        if _may_be_negative(value):
            raise UnknownDatatypeError
        return value
    bits = _SIGNED.get(datatype)
    return value if bits is None else _signed(value, bits)


def _signed(value: int, bits: int) -> Any:
    half = 1 << (bits - 1)
    if value < 2 * half:
        return value - 2 * half if value >= half else value
    # A library may extend the sign to the whole field: -5 of 8 bits is then sent as 4294967291.
    for width in _WIDTHS:
        if (1 << width) - half <= value < 1 << width:
            return value - (1 << width)
    return _UNFIT


def _may_be_negative(value: int) -> bool:
    return any(1 << (bits - 1) <= value < 1 << bits for bits in _SIGNED.values())


def _shortest(value: float) -> float:
    """Return the shortest number that is the same in 32 bits: 352.4, not 352.3999938964844."""
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        try:
            if _FLOAT.unpack(_FLOAT.pack(short))[0] == value:
                return short
        except OverflowError:
            continue
    return value
