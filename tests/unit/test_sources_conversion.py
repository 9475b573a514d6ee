"""Units, factors and offsets: exact, with three decimal places where anything was computed."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import copysign, inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.sources.conversion import QUANTITIES, UNITS, conversion, units_of
from shared.wire.reading import SIGNALS


def convert(number, unit="km", scale=1, offset=0, sign=1):
    """Convert a number; factor and offset are given as text or whole numbers."""
    function = conversion(unit, Fraction(scale), Fraction(offset), sign)
    return number if function is None else function(number)


@pytest.mark.parametrize(
    ("number", "rule", "wanted"),
    [
        (3524, {"scale": "0.1"}, 352.4),
        (3524.0, {"scale": "0.1"}, 352.4),
        (10432, {"unit": "A", "scale": "0.1", "offset": -1000}, 43.2),
        (999999, {"scale": "0.1"}, 99999.9),
        (64, {"unit": "C", "offset": -40}, 24.0),
        (0, {"unit": "C", "offset": -40}, -40.0),
        (40721.3, {"unit": "mi"}, 65534.58),
        (29957.6, {"unit": "mi"}, 48212.084),
        (48210400, {"unit": "m"}, 48210.4),
        (75.2, {"unit": "F"}, 24.0),
        (-40, {"unit": "F"}, -40.0),
        (70, {"unit": "F"}, 21.111),
        (297.15, {"unit": "K"}, 24.0),
        (0.815, {"unit": "ratio"}, 81.5),
        (1, {"unit": "ratio"}, 100.0),
        (352400, {"unit": "mV"}, 352.4),
        (-12400, {"unit": "mA", "sign": -1}, 12.4),
        (7048, {"unit": "mV", "scale": 50}, 352.4),
        (800, {"unit": "C", "scale": "0.03125"}, 25.0),
        (1.0005, {"scale": 1, "offset": 1}, 2.0),
        (1.0015, {"scale": 1, "offset": 1}, 2.002),
        (15, {"scale": "0.0001"}, 0.002),
        (25, {"scale": "0.0001"}, 0.002),
        (35, {"scale": "0.0001"}, 0.004),
    ],
)
def test_computed_values(number, rule, wanted):
    """Rounded half to even at the third place, of the number as it was written."""
    assert convert(number, **rule) == wanted


@pytest.mark.parametrize("number", [12.3456789, 0.1, 1e-9, 65534.58])
def test_untouched_values(number):
    """Without a conversion a number keeps all its places, and a change of sign does not round."""
    assert convert(number) == number
    assert convert(number, "A", sign=-1) == -number
    assert convert(number, "%", scale="1.0", offset="0.0") == number


@pytest.mark.parametrize(
    ("number", "rule"), [(0, {"sign": -1}), (0.0, {"sign": -1}), (-0.0001, {"scale": "0.1"})]
)
def test_zero_has_no_sign(number, rule):
    """A current of zero is not -0.0, also after a change of its sign."""
    assert copysign(1, convert(number, **rule)) == 1


@pytest.mark.parametrize("number", [inf, -inf, 1e300, -1e300, 2**53])
def test_huge_values(number):
    """Numbers beyond every range stay beyond it; no error is raised."""
    for rule in ({"scale": "0.1"}, {"scale": 10**9, "offset": -(10**9)}, {"unit": "F"}):
        assert abs(convert(number, **rule)) > 1e12


DECIMALS = st.decimals(-1_000_000, 1_000_000, places=4) | st.decimals(-100, 100, places=7)
NUMBERS = st.integers(-(10**7), 10**7) | DECIMALS.map(float)
FACTORS = st.decimals("0.0001", 1_000, places=4) | st.sampled_from(
    list(map(Decimal, ("0.1", "0.5", "0.03125")))
)


@example(0.0001, Decimal(1000), Decimal(0), 1, "m")
@given(
    NUMBERS,
    FACTORS,
    st.decimals(-5_000, 5_000, places=3),
    st.sampled_from([1, -1]),
    st.sampled_from(sorted(UNITS)),
)
def test_the_result_is_the_exact_one(number, scale, offset, sign, unit):
    """The same as with fractions: neither the float arithmetic nor its shortcuts may be seen."""
    _quantity, factor, shift = UNITS[unit]
    exact = sign * ((Fraction(Decimal(repr(number))) * Fraction(scale) + Fraction(offset)) * factor + shift)
    found = convert(number, unit, scale, offset, sign)
    # As it is, also where scale and unit cancel each other: metres that are sent in km.
    if (factor * Fraction(scale), factor * Fraction(offset) + shift) == (1, 0):
        assert found == sign * number
        return
    assert found == round(exact * 1000) / 1000
    # As a person would do it: the decimal fraction, rounded at the third place.
    if exact.denominator % 9:
        decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
        assert found == float(decimal.quantize(Decimal("0.001"), ROUND_HALF_EVEN))


def test_every_signal_has_units():
    """The first one is ours, which changes nothing."""
    assert set(QUANTITIES) == set(SIGNALS)
    for name in SIGNALS:
        own, *others = units_of(name)
        assert conversion(own, Fraction(1), Fraction(0), 1) is None
        assert others
