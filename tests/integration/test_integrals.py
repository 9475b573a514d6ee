"""Energy and charge: by hand, over any split, and against a simulated car's own count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.diagnostics.between import linked
from shared.diagnostics.integrals import Pairs, totals
from shared.diagnostics.rhythm import near
from shared.diagnostics.session import Kind
from shared.diagnostics.sessions import sessions
from shared.vehicle_profile import Profile
from tests.traces import DAY_S, START_S, MeteredCar, every, trace

numbers = st.one_of(st.just(np.nan), st.floats(-500, 500))


@st.composite
def traces(draw):
    steps = draw(st.lists(st.sampled_from([1, 10, 59.9, 60, 60.1, 400]), max_size=30))
    size = len(steps) + 1
    columns = (draw(st.lists(numbers, min_size=size, max_size=size)) for _ in range(2))
    return trace(np.cumsum([0, *steps]), **dict(zip(("pack_voltage", "pack_current"), columns, strict=True)))


def test_constant_power_is_power_times_time():
    """100 A at 360 V over a minute: 0.6 kWh and 1.667 Ah out, 0 in."""
    total = totals(trace([0, 60], pack_voltage=360, pack_current=100))
    assert (total.kwh_out, total.kwh_in) == (pytest.approx(0.6), 0)
    assert (total.ah_out, total.ah_in) == (pytest.approx(100 / 60), 0)
    assert total.coverage == 1


def test_a_pair_is_split_where_it_crosses_zero():
    """From 30 A out to 10 A in within 40 s: a triangle of 30 s and one of 10 s, not their difference."""
    total = totals(trace([0, 40], pack_voltage=360, pack_current=[30, -10]))
    assert total.ah_out == pytest.approx(30 * 30 / 2 / 3600)
    assert total.ah_in == pytest.approx(10 * 10 / 2 / 3600)
    assert total.kwh_out == pytest.approx(0.36 * total.ah_out)
    assert total.kwh == pytest.approx(0.36 * 10 * 40 / 3600)


def test_charging_is_energy_in():
    """A negative current charges."""
    total = totals(trace([0, 36], pack_voltage=400, pack_current=-25))
    assert (total.kwh_out, total.kwh_in) == (0, pytest.approx(0.1))


def test_over_more_than_60_seconds_nothing_is_integrated():
    """60 s still count, 60.1 s don't, which lowers the coverage."""
    total = totals(trace([0, 60, 120.1], pack_voltage=360, pack_current=10))
    assert total.covered_s == 60
    assert total.coverage == pytest.approx(60 / 120.1)
    assert total.ah_out == pytest.approx(10 / 60)


def test_a_missing_value_is_bridged():
    """On the straight line between known ones at most 60 s apart, so that signals may come in turns."""
    total = totals(trace([0, 10, 20, 30], pack_voltage=[360, np.nan, 380, 380], pack_current=36))
    assert total.kwh_out == pytest.approx((370 * 20 + 380 * 10) * 36 / 3.6e6)
    assert total.coverage == 1
    ts = np.arange(0, 600, 5)
    turns = np.where(ts % 10 == 0, 360, np.nan), np.where(ts % 10 == 5, 36, np.nan)
    total = totals(trace(ts, pack_voltage=turns[0], pack_current=turns[1]))
    # The first and the last reading have one of the two only, without a neighbour for the other one.
    assert total.kwh_out == pytest.approx(360 * 36 * 585 / 3.6e6)
    assert (total.covered_s, total.current_s) == (585, 590)


def test_a_missing_value_is_not_bridged_over_more_than_60_s():
    """Nor at the ends, where one side of the line is missing: the charge is known, the energy is not."""
    voltage = [np.nan, 360, np.nan, 360, np.nan]
    total = totals(trace([0, 30, 60.5, 91, 100], pack_voltage=voltage, pack_current=36))
    assert (total.kwh_out, total.covered_s, total.current_s) == (0, 0, 100)
    assert total.ah_out == pytest.approx(1)


def test_next_to_nothing_is_a_number():
    """The smallest current there is, on one side or on both: zero, not a division that overflows."""
    for current in ([0, 5e-324], [-5e-324, 5e-324]):
        total = totals(trace([0, 1], pack_voltage=360, pack_current=current))
        assert (total.kwh_out, total.kwh_in, total.ah_out, total.ah_in) == (0, 0, 0, 0)


@pytest.mark.parametrize("seconds", [[], [0]])
def test_less_than_a_pair_is_nothing(seconds):
    """No readings or one: zero everywhere, and no division by zero."""
    total = totals(trace(seconds, pack_voltage=1, pack_current=1))
    assert (total.kwh_out, total.ah_in, total.coverage) == (0, 0, 0)


@given(traces(), st.data())
def test_energy_is_additive_over_any_split(drawn, data):
    """Two parts that share a reading add up to the whole, as do two traces and the pair between."""
    whole = Pairs.of(drawn).total()
    at = data.draw(st.integers(0, len(drawn) - 1))
    parts = Pairs.of(drawn).total(0, at) + Pairs.of(drawn).total(at)
    before, after = drawn.between(0, drawn.ts[at]), drawn.between(drawn.ts[at] + 1e-3, np.inf)
    apart = totals(before) + Pairs.of(drawn).total(at, at + 1) + totals(after)
    # Cut in two, a trace has no line to bridge a missing value at the cut.
    is_complete = not np.isnan(drawn.pack_voltage + drawn.pack_current).any()
    # A part may be too short for the rhythm by which pairs of over 60 s are valid.
    is_complete &= bool((near(drawn.ts) == (np.diff(drawn.ts).round(6) <= 60)).all())
    for name in whole.__dataclass_fields__:
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), abs=1e-9)
        if is_complete:
            assert getattr(apart, name) == pytest.approx(getattr(whole, name), abs=1e-9)


def by_hand(ts, signal):
    """Bridged, one missing value after the other."""
    result = signal.copy()
    known = [place for place, value in enumerate(signal) if not np.isnan(value)]
    neighbours = near(ts[known])
    for place in range(len(ts)):
        before, after = [k for k in known if k <= place], [k for k in known if k >= place]
        if before and after and (before[-1] == after[0] or neighbours[len(before) - 1]):
            a, b = before[-1], after[0]
            share = (ts[place] - ts[a]) / (ts[b] - ts[a]) if b > a else 0
            result[place] = signal[a] + share * (signal[b] - signal[a])
    return result


@given(traces())
def test_out_less_in_is_the_plain_trapezoid(drawn):
    """The split keeps the sum: net energy is the integral of the straight lines; neither part is negative."""
    total, seconds = totals(drawn), np.diff(drawn.ts)
    power = by_hand(drawn.ts, drawn.pack_voltage) * by_hand(drawn.ts, drawn.pack_current)
    valid = linked(drawn.ts, drawn.pack_current)
    plain = np.where(valid, (power[1:] + power[:-1]) / 2 * seconds, 0)
    assert total.kwh == pytest.approx(np.nansum(plain) / 3.6e6, abs=1e-9)
    assert min(total.kwh_out, total.kwh_in, total.ah_out, total.ah_in) >= 0


@pytest.fixture(scope="module", params="01234")
def lived(request):
    """Return a Monday of a car with a meter at 1 s; `MeteredCar` has the true figures and their reasons."""
    car = MeteredCar(request.param, START_S + DAY_S)
    readings = car.live(DAY_S, 1)
    # The car drove long enough, and was charged.
    assert min(car.kwh_out, car.kwh_charged) > 1
    return car, readings


def test_every_figure_of_a_simulated_day_at_1_s(lived):
    """Drives with their braking, and charges: out and in, energy and charge, each within 1 % of the meter."""
    car, readings = lived
    total = totals(readings)
    for name in ("kwh_out", "kwh_in", "ah_out", "ah_in"):
        assert getattr(total, name) == pytest.approx(getattr(car, name), rel=0.01), name
    assert total.kwh == pytest.approx(car.kwh_out - car.kwh_in, abs=0.01 * car.kwh_out)


def test_what_a_simulated_day_at_10_s_can_tell(lived):
    """Charges are within 1 % in the mean of the ten ways to sample, each within 2 %: their start is missed.

    Drives are not: an acceleration or a braking is over before the next reading. Net energy has no bias: the
    mean of the ten ways is within 1 % of the energy out, but each one only within 10 %. Energy out alone is 2
    to 10 % low in the mean, for a braking between two accelerations cancels against them.
    """
    car, readings = lived
    samples = [every(10, readings, first) for first in range(10)]
    charged = [
        sum(found.kwh_in for found in sessions(each, Profile(capacity_ah=60)) if found.kind is Kind.CHARGE)
        for each in samples
    ]
    assert charged == pytest.approx([car.kwh_charged] * 10, rel=0.02)
    assert np.mean(charged) == pytest.approx(car.kwh_charged, rel=0.01)
    net, out = np.array([(total.kwh, total.kwh_out) for total in map(totals, samples)]).T
    off = (net - (car.kwh_out - car.kwh_in)) / car.kwh_out
    assert abs(off.mean()) < 0.01
    assert abs(off).max() < 0.1
    assert 0.9 < out.mean() / car.kwh_out < 0.98
