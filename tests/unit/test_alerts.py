"""The alerts of one reading: each threshold's edge, from both sides."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import Severity, alerts, worst_alerts

FINE = {"soc": 50.0, "soh": 95.0, "max_temp": 30.0, "min_temp": 25.0}


def found(thresholds=None, **signals):
    return alerts({**FINE, **signals}, thresholds or AlertThresholds())


def brief(**signals):
    return [(alert.code, alert.severity) for alert in found(**signals)]


def below(value):
    return math.nextafter(value, -math.inf)


def above(value):
    return math.nextafter(value, math.inf)


def test_nothing_is_the_matter():
    """A healthy reading raises no alert."""
    assert brief() == []


@pytest.mark.parametrize(
    ("max_temp", "severity"),
    [
        (below(50.0), None),
        (50.0, "warning"),
        (below(60.0), "warning"),
        (60.0, "critical"),
        (210.0, "critical"),
        (-40.0, None),
    ],
)
def test_temp_high(max_temp, severity):
    """A warning from 50 °C, critical from 60 °C."""
    expected = [("TEMP_HIGH", severity)] if severity else []
    assert brief(max_temp=max_temp, min_temp=None) == expected


@pytest.mark.parametrize(
    ("soc", "severity"),
    [
        (above(20.0), None),
        (20.0, "info"),
        (above(10.0), "info"),
        (10.0, "warning"),
        (above(5.0), "warning"),
        (5.0, "critical"),
        (0.0, "critical"),
        (100.0, None),
    ],
)
def test_soc_low(soc, severity):
    """An info from 20 % down, a warning from 10 %, critical from 5 %."""
    assert brief(soc=soc) == ([("SOC_LOW", severity)] if severity else [])


@pytest.mark.parametrize(
    ("soh", "severity"),
    [
        (80.0, None),
        (below(80.0), "warning"),
        (70.0, "warning"),
        (below(70.0), "critical"),
        (0.0, "critical"),
        (100.0, None),
    ],
)
def test_soh_low(soh, severity):
    """A warning below 80 %, critical below 70 %; the threshold itself is still fine."""
    assert brief(soh=soh) == ([("SOH_LOW", severity)] if severity else [])


@pytest.mark.parametrize(
    ("max_temp", "min_temp", "severity"),
    [
        (30.0, 20.1, None),
        (30.0, 20.0, "warning"),
        (30.0, 10.1, "warning"),
        (30.0, 10.0, "critical"),
        (32.3, 22.3, "warning"),
        (32.3, 12.3, "critical"),
        (5.0, -15.0, "critical"),
        (20.0, 30.0, None),
        (20.0, 20.0, None),
    ],
)
def test_temp_spread(max_temp, min_temp, severity):
    """A warning from 10 °C apart, critical from 20 °C; binary fractions don't move the edge."""
    expected = [("TEMP_SPREAD", severity)] if severity else []
    assert brief(max_temp=max_temp, min_temp=min_temp) == expected


@pytest.mark.parametrize(
    ("signals", "codes"),
    [
        ({"soc": None}, ["TEMP_HIGH", "SOH_LOW", "TEMP_SPREAD"]),
        ({"soh": None}, ["TEMP_HIGH", "SOC_LOW", "TEMP_SPREAD"]),
        ({"max_temp": None}, ["SOC_LOW", "SOH_LOW"]),
        ({"min_temp": None}, ["TEMP_HIGH", "SOC_LOW", "SOH_LOW"]),
        (dict.fromkeys(FINE), []),
        ({}, ["TEMP_HIGH", "SOC_LOW", "SOH_LOW", "TEMP_SPREAD"]),
    ],
)
def test_a_null_signal_raises_none(signals, codes):
    """A null signal can't be out of bounds; the other alerts stay, each code once."""
    worst = {"soc": 1.0, "soh": 1.0, "max_temp": 90.0, "min_temp": 0.0}
    assert [code for code, _ in brief(**{**worst, **signals})] == codes


@pytest.mark.parametrize(
    ("thresholds", "signals", "expected"),
    [
        ({"temp_high_warning": 40}, {"max_temp": 40.0, "min_temp": None}, ("TEMP_HIGH", "warning")),
        ({"temp_high_critical": 45}, {"max_temp": 45.0, "min_temp": None}, ("TEMP_HIGH", "critical")),
        ({"soc_low_info": 30}, {"soc": 30.0}, ("SOC_LOW", "info")),
        ({"soc_low_warning": 15}, {"soc": 15.0}, ("SOC_LOW", "warning")),
        ({"soc_low_critical": 8}, {"soc": 8.0}, ("SOC_LOW", "critical")),
        ({"soh_low_warning": 90}, {"soh": 89.9}, ("SOH_LOW", "warning")),
        ({"soh_low_critical": 75}, {"soh": 74.9}, ("SOH_LOW", "critical")),
        ({"temp_spread_warning": 4}, {"max_temp": 30.0, "min_temp": 26.0}, ("TEMP_SPREAD", "warning")),
        ({"temp_spread_critical": 4}, {"max_temp": 30.0, "min_temp": 26.0}, ("TEMP_SPREAD", "critical")),
    ],
)
def test_other_thresholds(thresholds, signals, expected):
    """Each threshold is its own setting, and moves its own edge."""
    raised = found(AlertThresholds(**thresholds), **signals)
    assert [(alert.code, alert.severity) for alert in raised] == [expected]
    assert expected not in brief(**signals)


@pytest.mark.parametrize(
    ("signals", "value", "limit"),
    [
        ({"max_temp": 52.5, "min_temp": None}, "52.5 °C", "50 °C"),
        ({"max_temp": 61.0, "min_temp": None}, "61 °C", "60 °C"),
        ({"soc": 18.25}, "18.25 %", "20 %"),
        ({"soc": 0.0}, "0 %", "5 %"),
        ({"soh": 79.5}, "79.5 %", "80 %"),
        ({"soh": 12.0}, "12 %", "70 %"),
        ({"max_temp": 30.0, "min_temp": 17.5}, "12.5 °C", "10 °C"),
        ({"max_temp": 30.3, "min_temp": 10.1}, "20.2 °C", "20 °C"),
    ],
)
def test_the_message_names_value_and_threshold(signals, value, limit):
    """The message names the observed value and the threshold."""
    (alert,) = found(**signals)
    assert value in alert.message
    assert f"limit {limit}" in alert.message


def test_the_message_names_the_threshold_that_is_set():
    """Not the default one."""
    (alert,) = found(AlertThresholds(soc_low_info=33.5), soc=30.0)
    assert "limit 33.5 %" in alert.message


@pytest.mark.parametrize(
    ("signals", "rounded"),
    [
        ({"soh": 79.999_999_9}, "is 80 %"),
        ({"soh": 69.999_999_9}, "is 70 %"),
        ({"soc": 10.000_000_1}, "to 10 %"),
        ({"max_temp": 59.999_999_9, "min_temp": None}, "at 60 °C"),
    ],
)
def test_the_message_does_not_round_a_value_onto_a_threshold(signals, rounded):
    """79.9999999 % is below the limit of 80 %: a message that calls it 80 % contradicts itself."""
    (alert,) = found(**signals)
    assert rounded not in alert.message


@given(
    st.none() | st.floats(0, 100),
    st.none() | st.floats(0, 100),
    st.none() | st.floats(-40, 210),
    st.none() | st.floats(-40, 210),
)
def test_any_reading(soc, soh, max_temp, min_temp):
    """For every reading within the ranges there is at most one alert of each code, each with its reason."""
    raised = found(soc=soc, soh=soh, max_temp=max_temp, min_temp=min_temp)
    codes = [alert.code for alert in raised]
    assert len(codes) == len(set(codes))
    assert all(alert.message.endswith((" °C).", " %).")) for alert in raised)


# Around the limits, with more digits than the spread is rounded to.
values = st.one_of(
    st.none(),
    st.sampled_from([5.0, 10.0, 20.0, 50.0, 60.0, 70.0, 80.0]).flatmap(
        lambda limit: st.sampled_from([limit, below(limit), above(limit), limit + 20.3])
    ),
    st.integers(0, 100_000_000).map(lambda number: number / 1e6),
    st.integers(-30, 30).map(lambda number: 30 + number * 1e-7),
    st.floats(0, 100),
)
fleets = st.lists(st.fixed_dictionaries(dict.fromkeys(FINE, values)), max_size=30)
limits = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(AlertThresholds.__dataclass_fields__, st.integers(0, 100).map(float))
)


@given(fleets, limits)
def test_a_whole_fleet_at_once(fleet, chosen):
    """The worst alert of each is that of the rules for one reading, wherever the limits lie."""
    thresholds = AlertThresholds(**chosen)
    columns = {
        name: np.array([math.nan if one[name] is None else one[name] for one in fleet]) for name in FINE
    }
    places = ["none", *Severity]
    expected = [
        max((places.index(alert.severity) for alert in alerts(one, thresholds)), default=0) for one in fleet
    ]
    assert worst_alerts(columns, thresholds).tolist() == expected


@pytest.mark.parametrize("hair", [-6e-7, -5e-7, -4e-7, -5.0000001e-7, 0.0])
@pytest.mark.parametrize("limit", [10.0, 20.0])
def test_a_spread_a_hair_below_its_limit(limit, hair):
    """The difference is rounded as for one reading, where NumPy's own rounding would differ."""
    spreads = [low + limit + hair for low in (0.0, 0.1, 7.3, 22.3)]
    columns = {"max_temp": np.array(spreads), "min_temp": np.array([0.0, 0.1, 7.3, 22.3])}
    columns |= {"soc": np.full(4, math.nan), "soh": np.full(4, math.nan)}
    one_by_one = [
        alerts({"soc": None, "soh": None, "max_temp": high, "min_temp": low}, AlertThresholds())
        for high, low in zip(columns["max_temp"].tolist(), columns["min_temp"].tolist(), strict=True)
    ]
    places = ["none", *Severity]
    expected = [max((places.index(alert.severity) for alert in found), default=0) for found in one_by_one]
    assert worst_alerts(columns, AlertThresholds()).tolist() == expected
