"""The readings' own quality, by hand."""

import numpy as np
import pytest

from shared.diagnostics.cleaning import clean
from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.quality import quality as quality_of
from tests.traces import trace


def quality(readings):
    return quality_of(readings, clean(readings).removed)


def test_intervals_gaps_and_coverage():
    """A hundred readings at 30 s, one gap of 300 s, one of an hour."""
    steps = np.array([30] * 98 + [300, 3600])
    found = quality(trace(np.cumsum([0, *steps]), pack_voltage=360, pack_current=1))
    assert (found.readings, found.median_interval_s, found.p95_interval_s) == (101, 30, 30)
    assert (found.gaps, found.gap_hours, found.longest_gap_s) == (2, pytest.approx(3900 / 3600), 3600)
    assert found.logged_share == pytest.approx(98 * 30 / steps.sum())
    assert found.coverage == pytest.approx(98 * 30 / steps.sum())


def test_late_share():
    """More than 180 s after their time; 180 s are not late."""
    assert quality(trace([0, 1, 2, 3], delay=np.array([0, 180, 180.5, 9000]))).late_share == 0.5


@pytest.mark.parametrize("seconds", [[], [0]])
def test_fewer_than_two_readings(seconds):
    """There is no interval."""
    assert quality(trace(seconds)) == InsufficientData("fewer than two readings")
