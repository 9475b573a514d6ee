"""The open-circuit voltage of a cell over its state of charge."""

import numpy as np

from shared.diagnostics.trace import Floats

SOC = np.array([20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0])
"""%"""
CELL_V = np.array([3.739, 3.828, 3.876, 3.917, 3.963, 3.995, 4.03, 4.075, 4.110])
"""V, of a rested cell with a cathode of nickel, manganese and cobalt: a Nissan Leaf's log [M]."""


def cell_voltage(soc: Floats) -> Floats:
    """Return the voltage (V) of a rested cell at `soc` (%); at the ends of the curve beyond it."""
    result: Floats = np.interp(soc, SOC, CELL_V)
    return result


def soc_of(cell_v: Floats) -> Floats:
    """Return the soc (%) of a rested cell of `cell_v` (V); NaN beyond the curve."""
    result: Floats = np.interp(cell_v, CELL_V, SOC, left=np.nan, right=np.nan)
    return result
