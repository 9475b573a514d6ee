"""The fault harness's counts of values without a time: each defect of a row is seen."""

import tomllib

import pytest

from scripts.faults import numbered_reading
from scripts.faults.dialect_publisher import vss_document
from scripts.faults.dialect_values import (
    MAPPING,
    MOST_MOMENTS,
    OVMS,
    TESLAMATE,
    VSS_PREFIX,
    Value,
    classify,
    moment_values,
)
from shared.wire.reading import SIGNALS
from tests.mapped import decoded, mapping


def row(device, moment, *signals, **changed):
    """Return a row with these signals of a moment, and changed values."""
    values = {signal: Value(moment, signal).number for signal in signals} | changed
    return (device.vin_of(moment), *(values.get(signal) for signal in SIGNALS))


def test_what_is_sent_is_found():
    """Every value of every signal, the largest included, is known again, once."""
    moments = [0, 1, 7, 12_345, MOST_MOMENTS - 1]
    found = classify(OVMS, [row(OVMS, moment, *SIGNALS) for moment in moments])
    assert (found.wrong, found.mixed, found.twice) == (0, 0, 0)
    assert found.values.keys() == {value for moment in moments for value in moment_values(OVMS, moment)}


def test_values_are_within_their_ranges_and_differ():
    """A value of one signal is none of another, so that no wrong column goes unseen."""
    values = [Value(moment, signal) for moment in (0, MOST_MOMENTS - 1) for signal in SIGNALS]
    assert len({value.number for value in values}) == len(values)
    assert all(SIGNALS[value.signal].low <= value.number <= SIGNALS[value.signal].high for value in values)


@pytest.mark.parametrize(
    ("device", "rows", "counts"),
    [
        (TESLAMATE, [row(TESLAMATE, 3, "soc"), row(TESLAMATE, 3, "soc", "odo_km")], (0, 0, 1)),
        (TESLAMATE, [row(TESLAMATE, 3, "soc", odo_km=60.0003)], (1, 0, 0)),
        (TESLAMATE, [row(TESLAMATE, 3, "soc", "soh")], (1, 0, 0)),
        (TESLAMATE, [row(TESLAMATE, 3)], (1, 0, 0)),
        (TESLAMATE, [("MATE-05", *row(TESLAMATE, 3, "soc")[1:])], (1, 0, 0)),
        (OVMS, [row(OVMS, 3, "soc", odo_km=0.0003 + 1e-9)], (1, 0, 0)),
        (OVMS, [row(OVMS, 3, "soc", odo_km=Value(43, "odo_km").number)], (0, 1, 0)),
    ],
)
def test_defects_are_counted(device, rows, counts):
    """Twice, another signal's, not sent, empty, another car's, inexact, of two moments."""
    found = classify(device, rows)
    assert (found.wrong, found.mixed, found.twice) == counts


def test_the_mapping_reads_what_is_sent():
    """Each message becomes the value, or the reading, by which it is found again."""
    tomllib.loads(MAPPING)
    sources = mapping(MAPPING)
    for device in (TESLAMATE, OVMS):
        for value in moment_values(device, 12_345):
            [found] = decoded(sources, device.topic_of(value.moment, value.signal), value.text).values
            assert classify(device, [(found.vin, *found.signals)]).values == {value: 1}
    for number in (1_000_000, 1_234_567, 9_999_998):
        expected = numbered_reading.row(numbered_reading.MQTT, number)
        [found] = decoded(sources, f"{VSS_PREFIX}/{expected.vin}", vss_document(number)).rows
        assert (found.vin, found.ts, found.soc, found.pack_voltage, found.odo_km) == expected
