"""The capacity of the pack, from charges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.charge_windows import Window
from shared.diagnostics.days import DAY_S
from shared.diagnostics.missing import InsufficientData, Missing

LEAST_RISE = 30.0
"""% of soc: the error of soc at both ends is small against it."""
_NEWEST = 3
"""Windows whose median is the newest value [C]: neither a single outlier nor an old window decides."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity over charging windows."""

    ah: float
    """The median of all windows."""
    n: int
    """Number of windows."""
    spread_ah: float
    """The largest estimate less the smallest."""
    newest_ah: float
    """The median of the last three windows, or of all where they are fewer."""
    newest_n: int
    """Number of windows of `newest_ah`."""
    newest_day: int
    """Day of the end of the last window: days since 1970, UTC."""
    nominal_share: float | None
    """`newest_ah` over the profile's capacity_ah; None where that is unknown."""


def capacity(windows: Sequence[Window], nominal_ah: float | None = None) -> Capacity | Missing:
    """Compute the median of 100 * net Ah in / dS (Ah) over the windows of dS >= 30 %.

    Source: docs/diagnostics.md, Figures.
    """
    large = [window for window in windows if window.rise >= LEAST_RISE]
    if not large:
        return InsufficientData(
            f"no charge by {LEAST_RISE:g} % of soc with readings near each other, a steady current"
            " and no step of soc above 2 %"
        )
    found = [window.ah for window in large]
    newest = float(np.median(found[-_NEWEST:]))
    return Capacity(
        ah=float(np.median(found)),
        n=len(found),
        spread_ah=max(found) - min(found),
        newest_ah=newest,
        newest_n=len(found[-_NEWEST:]),
        newest_day=int(large[-1].end // DAY_S),
        nominal_share=newest / nominal_ah if nominal_ah else None,
    )
