"""Resistance from steps in current: by hand, and its limits."""

import numpy as np
import pytest

from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.resistance import resistance, to_25
from tests.traces import DAY_S, trace


def stepping(pairs, *, ohm=0.08, step=20.0, every=6.0, **signals):
    """Return a current that alternates by `step`, and a voltage that follows over `ohm`."""
    current = step * (np.arange(pairs + 1) % 2)
    seconds = every * np.arange(pairs + 1)
    return trace(seconds, pack_current=current, pack_voltage=370 - ohm * current, **signals)


def test_resistance_is_minus_dv_over_di():
    """20 A more discharge takes 1.6 V: 80 mOhm, at 25 °C the same."""
    found = resistance(stepping(20, max_temp=26, min_temp=24))
    assert (found.ohm, found.ohm_at_25) == (pytest.approx(0.08), pytest.approx(0.08))
    assert (found.n, len(found.days), found.sampling_ok) == (20, 1, True)


@pytest.mark.parametrize(
    "readings",
    [stepping(19), stepping(20, step=19.9), stepping(20, every=73), trace([]), trace([0]), trace([0, 1])],
)
def test_too_little_to_tell(readings):
    """19 pairs, 19.9 A or 73 s: no figure, and the reason."""
    found = resistance(readings)
    assert isinstance(found, InsufficientData)
    assert found.reason.startswith("no day with 20 pairs")


def test_normalised_to_25_degrees():
    """With 23 kJ/mol, 110 mOhm at 11.5 °C are 71 at 25 °C; without a temperature there is no figure."""
    assert to_25(np.array([0.110]), np.array([11.5]))[0] == pytest.approx(0.0709, abs=1e-4)
    assert resistance(stepping(20, ohm=0.110, max_temp=11.5)).ohm_at_25 == pytest.approx(0.0709, abs=1e-4)
    assert resistance(stepping(20)).ohm_at_25 is None


def test_the_median_of_daily_medians():
    """One day with many readings does not outvote two others; a day with too few is left out."""
    days = [stepping(200, ohm=0.2), stepping(20, ohm=0.08), stepping(20, ohm=0.07), stepping(19, ohm=0.5)]
    seconds = np.concatenate([number * DAY_S + day.ts - day.ts[0] for number, day in enumerate(days)])
    columns = {
        name: np.concatenate([getattr(day, name) for day in days])
        for name in ("pack_voltage", "pack_current")
    }
    found = resistance(trace(seconds, **columns))
    assert found.ohm == pytest.approx(0.08)
    assert [day.n for day in found.days] == [200, 20, 20]


def test_the_newest_is_of_the_last_three_days():
    """A resistance that grew, normalised too; days on which the voltage stands still give none."""
    ohms = (0.05, 0.05, 0.05, 0.05, 0.07, 0.09, 0.08)
    found = resistance(days_of(ohms, max_temp=25, min_temp=25))
    assert (found.ohm, found.newest_ohm, found.newest_ohm_at_25) == pytest.approx((0.05, 0.08, 0.08))
    assert (found.newest_n, found.newest_day) == (3, found.days[-1].day)
    found = resistance(days_of((0.05, 0.06)))
    assert (found.newest_ohm, found.newest_ohm_at_25, found.newest_n) == (pytest.approx(0.055), None, 2)
    assert resistance(days_of((0.05, 0.05, 0.05, 0.05, 0, 0, 0))).newest_ohm is None


def days_of(ohms, **temps):
    """Return a day of twenty pairs with each resistance."""
    days = [stepping(20, ohm=ohm, **temps) for ohm in ohms]
    seconds = np.concatenate([number * DAY_S + day.ts - day.ts[0] for number, day in enumerate(days)])
    names = ("pack_voltage", "pack_current", "max_temp", "min_temp")
    return trace(seconds, **{name: np.concatenate([getattr(day, name) for day in days]) for name in names})


def test_slow_sampling_is_told():
    """Pairs there are, but most readings are 11 s apart: polarisation may be in it."""
    close = stepping(20)
    seconds = np.concatenate((close.ts - close.ts[0], 200 + 11 * np.arange(50)))
    columns = {
        name: np.append(getattr(close, name), np.full(50, 300.0)) for name in ("pack_voltage", "pack_current")
    }
    assert resistance(trace(seconds, **columns)).sampling_ok is False
