"""Capacity from charges: by hand, and excluded charges."""

import numpy as np
import pytest

from shared.diagnostics.capacity import capacity
from shared.diagnostics.charge_windows import charge_windows
from shared.diagnostics.missing import InsufficientData
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.traces import DAY_S, trace


def of(readings):
    return capacity(charge_windows(readings, sessions(readings, Profile())))


def charging(*, begin=20.0, rise=40.0, ah=20.0, hours=1.0, at=0.0, step=30.0, **signals):
    """Return a steady charge."""
    seconds = np.arange(0, hours * 3600 + 1, step)
    usual = {"soc": begin + rise * seconds / seconds[-1], "pack_current": -ah / hours, "pack_voltage": 380}
    return trace(at + seconds, **{**usual, "odo_km": 500, **signals})


def joined(*traces):
    names = ("soc", "pack_current", "pack_voltage", "odo_km")
    columns = {name: np.concatenate([getattr(each, name) for each in traces]) for name in names}
    ts = np.concatenate([each.ts for each in traces])
    return trace(ts - trace([0]).ts[0], **columns)


def test_charge_over_rise():
    """20 Ah for 40 %: 50 Ah."""
    found = of(charging())
    assert (found.ah, found.n, found.spread_ah) == (pytest.approx(50), 1, 0)


def test_median_and_spread_over_windows():
    """Three charges on three days."""
    days = [charging(ah=ah, at=number * DAY_S) for number, ah in enumerate((20, 22, 20.4))]
    found = of(joined(*days))
    assert (found.ah, found.n, found.spread_ah) == (pytest.approx(51), 3, pytest.approx(5))


def test_the_newest_is_of_the_last_three():
    """A capacity that falls: the median of all is old news, that of the last three charges is not."""
    charges = [charging(ah=ah, at=number * DAY_S) for number, ah in enumerate((24, 24, 24, 24, 21, 20, 20.4))]
    found = of(joined(*charges))
    assert (found.ah, found.newest_ah, found.newest_n) == (pytest.approx(60), pytest.approx(51), 3)
    assert found.newest_day == int(trace([0]).ts[0] // DAY_S) + 6
    assert found.nominal_share is None
    readings = joined(*charges[:1])
    nominal = capacity(charge_windows(readings, sessions(readings, Profile())), 75.0)
    assert (nominal.newest_ah, nominal.newest_n) == (pytest.approx(60), 1)
    assert nominal.nominal_share == pytest.approx(0.8)


@pytest.mark.parametrize(
    "readings",
    [
        charging(rise=29.9),
        charging(step=31, pack_current=np.where(np.arange(117) % 2, -30.0, -10.0)),
        charging(hours=1 / 6),  # 40 % in 20 steps of 2: allowed; see below
        charging(pack_current=20.0),
        charging(soc=np.nan),
        charging(pack_current=np.nan),
        trace([]),
    ],
    ids=["rise", "unsteady", "step", "discharge", "soc", "current", "empty"],
)
def test_what_is_no_window(readings):
    """A rise below 30 %, an unsteady current at slow readings, other signs, missing signals: no figure."""
    found = of(readings)
    if len(readings) == 21:
        assert found.n == 1
        return
    assert isinstance(found, InsufficientData)
    assert found.reason.startswith("no charge by 30 %")


def test_a_step_of_soc_parts_the_window():
    """A counter that corrects itself by 2.1 % would falsify the figure: both sides count by themselves."""
    charge = charging(rise=50.0, ah=25.0)
    charge.soc[len(charge) // 2 :] += 2.1
    assert isinstance(of(charge), InsufficientData)
    longer = charging(begin=5, rise=80.0, ah=40.0)
    longer.soc[len(longer) // 2 :] += 2.1
    assert of(longer).ah == pytest.approx(50, rel=0.01)
    assert of(longer).n == 2


def test_an_inferred_charge_is_no_window():
    """A soc that is 60 higher after a silence gives no window."""
    assert isinstance(of(trace([0, 7200], soc=[20, 80], pack_current=-20, odo_km=5)), InsufficientData)
