"""Variants of a test's readings: jittered, on another day and odometer, at other rhythms."""

import numpy as np
import pytest

from shared.diagnostics.trace import Trace
from tests.judged import HEALTHY, T0

OTHER_DAY_S = 86_400.0 * 201 + 12_345.0
OTHER_KM = 41_376.4


def told(seconds, *, jitter=False, elsewhere=False, whole_km=False, **columns):
    """Build readings of the columns given; the rest is missing. `elsewhere` moves day and odometer."""
    seconds = np.asarray(seconds, float)
    if jitter and len(seconds) > 1:
        shift = np.random.default_rng(7).uniform(-0.05, 0.05, len(seconds))
        seconds = seconds + shift * np.append(np.diff(seconds), 0)
    values = {
        name: np.broadcast_to(np.asarray(columns.get(name, np.nan), float), seconds.shape).copy()
        for name in HEALTHY
    }
    assert set(columns) <= set(values)
    begin = T0
    if elsewhere:
        begin += OTHER_DAY_S
        odo = values["odo_km"]
        odo[odo > 0] += np.floor(OTHER_KM) if whole_km else OTHER_KM
    return Trace(begin + seconds, begin + seconds + 0.2, *values.values())


def ways(rhythms):
    """Parametrise a test by `step` and `how`: the first rhythm as given, jittered and elsewhere; others."""
    first, *others = rhythms
    return pytest.mark.parametrize(
        ("step", "how"),
        [
            pytest.param(first, {}, id="as told"),
            pytest.param(first, {"jitter": True}, id="jittered"),
            pytest.param(first, {"elsewhere": True}, id="elsewhere"),
            *(pytest.param(step, {}, id=f"every {step} s") for step in others),
            *(
                pytest.param(step, {"jitter": True, "elsewhere": True}, id=f"every {step} s, all")
                for step in others
            ),
        ],
    )
