"""Rhythms of sources, for tests that must hold at each of them."""

import numpy as np

RHYTHMS = (1, 5.9, 6.1, 10, 29.9, 30.5, 59, 60.5, 61, 120, 240, 299, 301, 600, 900, 3_600)
"""Seconds between readings: both sides of each number that was a limit once, and far beyond."""


def times(step, count, *, jitter=0.0, first=0.0, seed=1):
    """Return `count` times, each off by up to `jitter` of the step."""
    off = np.random.default_rng(seed).uniform(-0.5, 0.5, count) * jitter * step
    return np.round(first + step * np.arange(count) + off, 3)


def variants(step):
    """Return (step, jitter, first) of a case: as given, jittered by 5 %, on another day, at three others."""
    return [
        (step, 0.0, 0.0),
        (step, 0.05, 0.0),
        (step, 0.0, 17 * 86_400 + 12_345.0),
        *((step * factor, 0.05, 3 * 86_400.0) for factor in (0.45, 0.8, 1.7)),
    ]
