"""Steps of an odometer: the smallest one that it shows, and the largest one that a car can drive."""

from typing import overload

import numpy as np

from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats

ROLLBACK_KM = -RULES[Code.ODO_ROLLBACK].levels[0].set
FASTEST_KM_S = RULES[Code.ODO_JUMP].numbers["km_per_h"] / 3600
COARSE_KM = 0.5
"""An odometer of such steps may stand still on a slow drive [C]."""
_FINE_KM = 0.1
_LEAST_STEPS = 3
_FITTING_SHARE = 0.9
_UNITS = (1.0, 1.609344)
_LIKE_SHARE = 0.05
_ROUNDING_KM = 0.11
"""An odometer of whole miles, given in km to 0.1, shows steps of 1.6 and 1.7."""


@overload
def farthest_km(seconds: Floats) -> Floats: ...
@overload
def farthest_km(seconds: float) -> float: ...
def farthest_km(seconds: Floats | float) -> Floats | float:
    """Return the largest valid step (km) of an odometer within `seconds`, by the rule ODO_JUMP.

    It is 4 km, or over more than 57.6 s as far as 250 km/h lead: a longer time never allows less.
    """
    return np.maximum(RULES[Code.ODO_JUMP].levels[0].set, FASTEST_KM_S * seconds)


def resolution_km(odo_km: Floats) -> float:
    """Return the smallest step (km) that an odometer makes, such as 0.1, 1, or 1.609 for whole miles.

    Its steps are multiples of the smallest one. Where they are not, or are fewer than 3, the odometer is
    taken as one of whole km if all its values are whole, and else of 0.1 km. Zeros and NaN are ignored.
    """
    odo = odo_km[odo_km > 0]
    if not len(odo):
        return _FINE_KM
    steps = np.round(np.diff(odo), 6)
    steps = steps[steps > 0]
    coarsest = 1.0 if np.all(odo == np.floor(odo)) else _FINE_KM
    if len(steps) < _LEAST_STEPS:
        return coarsest
    smallest = float(steps.min())
    if smallest <= coarsest:
        return smallest
    # As many steps as count for the mean of the smallest: 1.6, not 1.7, would be the unit otherwise.
    unit = float(steps[steps <= 1.5 * smallest].mean())
    # The mean of few steps of whole miles is 1.63 or 1.6: one unit for every window of the same odometer.
    unit = next((known for known in _UNITS if abs(unit - known) <= _LIKE_SHARE * known), unit)
    rest = np.abs(steps - unit * np.round(steps / unit))
    fits = np.mean(rest <= np.minimum(_ROUNDING_KM, unit / 4)) >= _FITTING_SHARE
    return unit if fits else coarsest
