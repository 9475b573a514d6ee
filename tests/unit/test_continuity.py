"""One day, read at every rhythm: the same sessions, and each figure within its own band of the truth."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from shared.diagnostics.integrals import totals
from shared.diagnostics.session import EnergyFrom, Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.battery_model import AMPERE_HOURS, CHARGE, DAY, DRIVES, GRANNY, HOUSE, SUN, day, plugged_in
from tests.rhythms import RHYTHMS, times
from tests.traces import START_S

PROFILE = Profile(capacity_ah=AMPERE_HOURS, energy_kwh=22, series_cells=96)
SEEDS = (1, 2, 3)
lived, plug = cache(day), cache(plugged_in)


@cache
def read(step, seed):
    return lived(seed).read(times(step, int(DAY / step) - 1, jitter=0.05, first=step, seed=seed))


@cache
def found(step, seed):
    return sessions(read(step, seed), PROFILE)


@pytest.mark.parametrize("step", RHYTHMS)
def test_the_same_sessions_at_each_rhythm(step):
    """Two drives with their whole distance, then a charge; each end at most two intervals off."""
    for seed in SEEDS:
        assert [each.kind for each in found(step, seed)] == [Kind.DRIVE, Kind.DRIVE, Kind.CHARGE]
        odo = lived(seed).columns["odo_km"]
        for each, (begin, length) in zip(found(step, seed), (*DRIVES, CHARGE), strict=True):
            # The odometer shows 0.1 km, which takes some seconds.
            assert each.start - START_S == pytest.approx(begin, abs=2 * step + 30)
            assert each.end - START_S == pytest.approx(begin + length, abs=2 * step + 30)
            assert each.km == pytest.approx(odo[begin + length] - odo[begin], abs=0.11)


@pytest.mark.parametrize("step", RHYTHMS)
def test_the_charge_within_its_band(step):
    """Always; the band is below 2 % at 1 s and below 15 % at 600 s."""
    for seed in SEEDS:
        charge, true = found(step, seed)[-1], lived(seed).kwh(*CHARGE, -1)
        # The last digits of voltage and current are not in the band.
        assert charge.kwh_in_low * 0.9999 <= true <= charge.kwh_in_high * 1.0001
        width = (charge.kwh_in_high - charge.kwh_in_low) / true
        assert width < 0.02 if step == 1 else width < 0.15 if step <= 600 else width < 1


def test_drives_and_days_within_their_bands():
    """95 of 100 in both directions, out and in; at 1 s the band is within 2 % of the figure."""
    inside = []
    for seed in SEEDS:
        for step in RHYTHMS:
            total, energies = totals(read(step, seed)), lived(seed).kwh
            inside.append(total.kwh_out_low <= energies(0, DAY, 1) <= total.kwh_out_high)
            inside.append(total.kwh_in_low <= energies(0, DAY, -1) <= total.kwh_in_high)
            for drive, span in zip(found(step, seed), DRIVES, strict=False):
                if drive.inferred:
                    # No reading fell into it: soc gives the net energy.
                    assert (step, drive.kwh_in, drive.energy_from) == (3_600, None, EnergyFrom.SOC_NOMINAL)
                    net = energies(*span, 1) - energies(*span, -1)
                    inside.append(drive.kwh_out_low <= net <= drive.kwh_out_high)
                    continue
                inside.append(drive.kwh_out_low <= energies(*span, 1) <= drive.kwh_out_high)
                inside.append(drive.kwh_in_low <= energies(*span, -1) <= drive.kwh_in_high)
                if step == 1:
                    assert (drive.kwh_out_high - drive.kwh_out_low) / 2 < 0.02 * drive.kwh_out
    assert np.mean(inside) >= 0.95


def test_no_figure_jumps():
    """From one rhythm to the next each energy stays within the two bands together."""
    for seed in SEEDS:
        for one, other in pairwise(RHYTHMS):
            for name in ("kwh_out", "kwh_in"):
                before, after = totals(read(one, seed)), totals(read(other, seed))
                assert getattr(after, name) <= getattr(before, f"{name}_high") + (
                    getattr(after, name) - getattr(after, f"{name}_low")
                )
                assert getattr(after, name) >= getattr(before, f"{name}_low") - (
                    getattr(after, f"{name}_high") - getattr(after, name)
                )


def test_coverage_does_not_depend_on_the_rhythm():
    """Every second between the readings is covered, from 1 s to an hour."""
    assert all(totals(read(step, 1)).coverage == pytest.approx(1) for step in RHYTHMS)


@pytest.mark.parametrize("step", RHYTHMS)
def test_a_day_on_the_plug_at_each_rhythm(step):
    """A house's energy, pulses of a solar roof and a slow charge: found, and within their bands."""
    for seed in SEEDS:
        whole = plug(seed)
        readings = whole.read(times(step, int(DAY / step) - 1, jitter=0.05, first=step, seed=seed))
        house, *charges = sessions(readings, PROFILE)
        kinds = [each.kind for each in charges]
        # Readings ten minutes apart and more may miss most of the pulses.
        assert (house.kind, kinds[-1]) == (Kind.DISCHARGE, Kind.CHARGE)
        assert len(charges) == 2 if step < 600 else len(charges) <= 3
        assert set(kinds) == {Kind.CHARGE}
        for each, span, sign in ((house, HOUSE, 1), (charges[-1], GRANNY, -1)):
            true = whole.kwh(*span, sign)
            low, high = (
                (each.kwh_out_low, each.kwh_out_high) if sign == 1 else (each.kwh_in_low, each.kwh_in_high)
            )
            assert low * 0.999 <= true <= high * 1.001
            assert (each.km, each.inferred) == (0, False)
            assert each.start - START_S == pytest.approx(span[0], abs=2 * step + 1)
            assert each.end - START_S == pytest.approx(sum(span), abs=2 * step + 1)
            # Of two hours the ends alone, which lie between two readings, are a sixth at 600 s.
            width, hours = (high - low) / true, span[1] / 3_600
            assert (
                width < 0.02
                if step == 1
                else width < 0.15 * max(1, 4 / hours)
                if step <= 600
                else width < 1.2
            )
        if step < 600:
            pulses, true = charges[0], whole.kwh(*SUN, -1)
            assert pulses.kwh_in_low * 0.999 <= true <= pulses.kwh_in_high * 1.001
        if step < 240:
            assert pulses.parts == (18 if step <= 120 else pytest.approx(18, abs=3))
            if step == 1:
                assert pulses.kwh_in_high - pulses.kwh_in_low < 0.02 * true
