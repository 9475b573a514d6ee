"""Conversion of a number into our unit, exactly: a computed value has 3 decimal places.

0.1 * 3524 is 352.4, not 352.40000000000003: factor and offset are fractions, and the result is a whole number
of thousandths, rounded half to even. A number that needs no conversion is not touched, and a mere change of
sign does not round.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor, inf, isfinite, lcm

Convert = Callable[[float], float]
"""Convert a number as sent, int or float, to a float in our unit."""

# Below this size the error of the float arithmetic is under a millionth of a thousandth.
_SAFE = 1e7
_TIE = 1e-4

_ONE, _ZERO = Fraction(1), Fraction(0)

UNITS: dict[str, tuple[str, Fraction, Fraction]] = {
    # Unit: its quantity, factor and offset to our unit of that quantity.
    "%": ("share", _ONE, _ZERO),
    "ratio": ("share", Fraction(100), _ZERO),
    "V": ("voltage", _ONE, _ZERO),
    "mV": ("voltage", Fraction(1, 1000), _ZERO),
    "A": ("current", _ONE, _ZERO),
    "mA": ("current", Fraction(1, 1000), _ZERO),
    "C": ("temperature", _ONE, _ZERO),
    "F": ("temperature", Fraction(5, 9), Fraction(-160, 9)),
    "K": ("temperature", _ONE, Fraction(-27315, 100)),
    "km": ("distance", _ONE, _ZERO),
    "m": ("distance", Fraction(1, 1000), _ZERO),
    "mi": ("distance", Fraction(1_609_344, 1_000_000), _ZERO),
}
QUANTITIES = {
    "soc": "share",
    "soh": "share",
    "pack_voltage": "voltage",
    "pack_current": "current",
    "max_temp": "temperature",
    "min_temp": "temperature",
    "odo_km": "distance",
}
SENT_UNITS = {
    # Words of devices for a unit, in lower case; `mv` and `ma` are never mega.
    **{unit.lower(): unit for unit in UNITS},
    **dict.fromkeys(("percent", "pct"), "%"),
    **dict.fromkeys(("volt", "volts"), "V"),
    **dict.fromkeys(("ampere", "amperes", "amps"), "A"),
    **dict.fromkeys(("°c", "degc", "celsius"), "C"),
    **dict.fromkeys(("°f", "degf", "fahrenheit"), "F"),
    "kelvin": "K",
    **dict.fromkeys(("kilometer", "kilometers", "kilometre", "kilometres"), "km"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("mile", "miles"), "mi"),
}


def units_of(signal: str) -> list[str]:
    """List the units that a signal may be sent in."""
    return [unit for unit, (quantity, *_) in UNITS.items() if quantity == QUANTITIES[signal]]


def conversion(unit: str, scale: Fraction, offset: Fraction, sign: int) -> Convert | None:
    """Return the conversion `sign * in_our_unit(number * scale + offset)`, None where it changes nothing."""
    slope, constant = _coefficients(unit, scale, offset, sign)
    if constant == 0 and slope == 1:
        return None
    if constant == 0 and slope == -1:
        # + 0.0: a current of zero is not -0.0.
        return lambda number: 0.0 - number
    return _affine(slope, constant)


def convert_integers(
    unit: str, scale: Fraction, offset: Fraction, sign: int
) -> Callable[[Sequence[int]], list[float]]:
    """Return the conversion of many integers at once, each as `conversion` converts it."""
    convert = conversion(unit, scale, offset, sign)
    slope, constant = _coefficients(unit, scale, offset, sign)
    times, plus, divisor = _in_thousandths(slope, constant)
    if convert is None or divisor != 1 or (constant == 0 and slope == -1):
        return lambda numbers: [*map(convert or float, numbers)]
    return lambda numbers: [(number * times + plus) / 1000 for number in numbers]


def _coefficients(unit: str, scale: Fraction, offset: Fraction, sign: int) -> tuple[Fraction, Fraction]:
    """Return slope and constant of a conversion."""
    _quantity, factor, shift = UNITS[unit]
    return sign * factor * scale, sign * (factor * offset + shift)


def _in_thousandths(slope: Fraction, constant: Fraction) -> tuple[int, int, int]:
    """Return integers (times, plus, divisor): a number is `(number * times + plus) / divisor` thousandths."""
    in_thousandths, shift = slope * 1000, constant * 1000
    divisor = lcm(in_thousandths.denominator, shift.denominator)
    return int(in_thousandths * divisor), int(shift * divisor), divisor


def _affine(slope: Fraction, constant: Fraction) -> Convert:
    times, plus, divisor = _in_thousandths(slope, constant)
    near, far = float(slope), float(constant)
    is_small = abs(far) < _SAFE

    def convert(number: float) -> float:
        if number.__class__ is int:
            total = number * times + plus
            return (total if divisor == 1 else _rounded(int(total), divisor)) / 1000
        scaled = number * near
        if is_small and -_SAFE < scaled < _SAFE:
            result = scaled + far
            thousandths = result * 1000
            if not -_TIE < thousandths - floor(thousandths) - 0.5 < _TIE:
                return round(result, 3) + 0.0
        if not isfinite(number):
            return number
        exact = Fraction(Decimal(repr(number))) * slope + constant
        return _ratio(round(exact * 1000))

    return convert


def _rounded(total: int, divisor: int) -> int:
    """Return the quotient, rounded half to even."""
    quotient, rest = divmod(total, divisor)
    rest *= 2
    return quotient + (rest > divisor or (rest == divisor and quotient % 2 == 1))


def _ratio(thousandths: int) -> float:
    try:
        return thousandths / 1000
    except OverflowError:
        return inf if thousandths > 0 else -inf
