"""The form of one signal on the wire: its unit, sign and resolution there. Exact: no binary fractions."""

from fractions import Fraction
from typing import NamedTuple

_COMPUTED_PLACES = 3
"""A receiver rounds a value that it computes to so many places; a value taken as it is stays as it is."""


class Quantity(NamedTuple):
    """A signal as `value = wire * factor + offset`, where `value` is in our unit and with our sign."""

    step: Fraction | None = None
    """The wire's number is a multiple of it; None: the number is sent as it is."""
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    digits: int | None = None
    """Significant digits of the wire's number; None: no limit."""
    highest: int | None = None
    """Largest regular number, for an unsigned field that can't hold others; None: any number can be sent."""

    def wire(self, value: float | None) -> Fraction | None:
        """Return the number on the wire; None where there is no value, or none that the field can hold."""
        if value is None:
            return None
        number = (Fraction(str(value)) - self.offset) / self.factor
        if self.digits is not None:
            number = Fraction(f"{float(number):.{self.digits}g}")
        if self.step is not None:
            number = round(number / self.step) * self.step
        if self.highest is not None and not 0 <= number <= self.highest:
            return None
        return number

    def value(self, wire: Fraction | None) -> float | None:
        """Return the value that a correct receiver stores for this number on the wire."""
        if wire is None:
            return None
        value = wire * self.factor + self.offset
        if self.factor != 1 or self.offset != 0:
            value = round(value, _COMPUTED_PLACES)
        return float(value)


AS_IS = Quantity()
WHOLE = Quantity(Fraction(1))
TENTHS = Quantity(Fraction(1, 10))
HUNDREDTHS = Quantity(Fraction(1, 100))
THOUSANDTHS = Quantity(Fraction(1, 1000))
MILE_KM = Fraction("1.609344")
TENTHS_OF_A_MILE = Quantity(Fraction(1, 10), MILE_KM)
METRES = Quantity(Fraction(1), Fraction(1, 1000))
TENTHS_FAHRENHEIT = Quantity(Fraction(1, 10), Fraction(5, 9), Fraction(-160, 9))
HUNDREDTHS_KELVIN = Quantity(Fraction(1, 100), Fraction(1), Fraction("-273.15"))


def negated(quantity: Quantity) -> Quantity:
    """Return the quantity with the other sign on the wire."""
    return quantity._replace(factor=-quantity.factor)


def json_number(wire: Fraction | None) -> int | float | None:
    """Return the number as JSON writes it: without a fraction where it is whole."""
    if wire is None:
        return None
    return wire.numerator if wire.denominator == 1 else float(wire)
