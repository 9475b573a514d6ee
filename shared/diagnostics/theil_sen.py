"""The Theil-Sen estimator: a robust straight line by the median of all slopes between two points."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np

from shared.diagnostics.trace import Floats

_MOST_POINTS = 2_000
"""Two million slopes, 16 MB."""
_MOST_CORRELATED = 0.99


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, reach: float) -> Self:
        """Make the estimate `value` +- `reach`."""
        return cls(value, value - reach, value + reach)


@dataclass(frozen=True, slots=True)
class Line:
    """y = y_median + slope * (x - x_median)."""

    slope: float
    low: float
    """Lower end of the slope's confidence interval; `high` is the upper end."""
    high: float
    x_median: float
    y_median: float


def theil_sen(
    x: Floats,
    y: Floats,
    confidence: float = 0.95,
    *,
    stretch: Callable[[Line], float] | None = None,
) -> Line | None:
    """Fit a line to points (x rising or equal), with Sen's confidence interval; None without any slope.

    Slope = median of (yj - yi) / (xj - xi) over xj > xi. The interval's ends are the slopes of rank
    (N -+ z * sigma) / 2, sigma² by Sen (1968), equation 2.6, ties included: as scipy.stats.theilslopes.
    `stretch` returns a factor of that sigma, from the line with the interval of the plain one. Of more than
    2,000 points, neighbours are merged to their medians first.
    """
    x, y = _thinned(x, y)
    slopes = _slopes(x, y)
    if not len(slopes):
        return None
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * _sigma(x, y)
    line = _line(slopes, reach, float(np.median(x)), float(np.median(y)))
    factor = stretch(line) if stretch else 1.0
    return line if factor == 1.0 else _line(slopes, factor * reach, line.x_median, line.y_median)


def drifting_line(x: Floats, y: Floats) -> Line | None:
    """Fit the Theil-Sen line, with an interval that is widened for autocorrelated deviations.

    Estimates of a battery drift for weeks, while Sen's interval assumes independent days: with a first
    autocorrelation r of the deviations there are only n * (1 - r) / (1 + r) independent ones.
    """

    def stretch(line: Line) -> float:
        deviation = y - line.y_median - line.slope * (x - line.x_median)
        deviation = deviation - deviation.mean()
        total = float(deviation @ deviation)
        r = float(deviation[1:] @ deviation[:-1]) / total if total > 0 else 0.0
        r = min(max(r, 0.0), _MOST_CORRELATED)
        return math.sqrt((1 + r) / (1 - r))

    return theil_sen(x, y, stretch=stretch)


def _line(slopes: Floats, reach: float, x_median: float, y_median: float) -> Line:
    """Return the line of the median slope, with the slopes of rank (N -+ reach) / 2; reorders the slopes."""
    low = max(round((len(slopes) - reach) / 2) - 1, 0)
    high = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    middle = len(slopes) // 2
    slopes.partition(sorted({low, high, middle, max(middle - 1, 0)}))
    median = slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
    return Line(float(median), float(slopes[low]), float(slopes[high]), x_median, y_median)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    parts = -(-len(x) // -(-len(x) // _MOST_POINTS)) if len(x) else 1
    if parts >= len(x):
        return x, y
    pieces = zip(np.array_split(x, parts), np.array_split(y, parts), strict=True)
    medians = np.array([(np.median(a), np.median(b)) for a, b in pieces])
    return medians[:, 0], medians[:, 1]


def _slopes(x: Floats, y: Floats) -> Floats:
    """Return all slopes between points of different x, in no order; computed lag by lag, to save memory."""
    slopes = np.empty(len(x) * (len(x) - 1) // 2)
    count = 0
    for lag in range(1, len(x)):
        across = x[lag:] - x[:-lag]
        apart = across > 0
        steps = (y[lag:] - y[:-lag])[apart] / across[apart]
        slopes[count : count + len(steps)] = steps
        count += len(steps)
    return slopes[:count]


def _sigma(x: Floats, y: Floats) -> float:
    """Return the standard deviation of Kendall's statistic, corrected for ties in x and y."""

    def weight(count: Floats) -> float:
        return float(np.sum(count * (count - 1) * (2 * count + 5)))

    ties = [np.unique(values, return_counts=True)[1].astype(float) for values in (x, y)]
    n = np.array([float(len(x))])
    return float(np.sqrt(max(weight(n) - weight(ties[0]) - weight(ties[1]), 0.0) / 18))
