"""The reading: ranges, VINs, numbers, and the messages of refusals."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.wire.reading import SIGNALS, Reading, normalise_vin, power_kw, why_invalid
from shared.wire.strict_json import AmbiguousObject, parse_json
from tests.readings import LATEST, WORKED_EXAMPLE, raw, reading

EDGES = [
    ("soc", 0, 100),
    ("soh", 0, 100),
    ("pack_voltage", 0, 6000),
    ("pack_current", -3000, 3000),
    ("max_temp", -40, 210),
    ("min_temp", -40, 210),
    ("odo_km", 0, 999_999.9),
]
NAMES = [name for name, _, _ in EDGES]


def why(value, latest=LATEST):
    """Return the reason for which a value is no reading."""
    with pytest.raises(ValidationError) as refused:
        Reading.model_validate(value, context=latest)
    return why_invalid(refused.value)


def kinds(value, latest=LATEST):
    with pytest.raises(ValidationError) as refused:
        Reading.model_validate(value, context=latest)
    return [problem["type"] for problem in refused.value.errors()]


def test_the_signals_are_those_of_the_contract():
    """Each signal has the range that the contract's table gives it, and there is no other."""
    assert [(name, signal.low, signal.high) for name, signal in SIGNALS.items()] == EDGES


@pytest.mark.parametrize(("name", "low", "high"), EDGES)
def test_both_ends_of_a_range_are_inside(name, low, high):
    """The lowest and the highest value that a signal may have are accepted."""
    assert getattr(reading(**{name: low}), name) == low
    assert getattr(reading(**{name: high}), name) == high


@pytest.mark.parametrize(("name", "low", "high"), EDGES)
def test_the_next_number_beyond_a_range_is_outside(name, low, high):
    """The double that follows an end of the range is refused, and the reason names the signal."""
    for value in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf)):
        assert why(raw(**{name: value})).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("soc", 255),
        ("soh", 255),
        ("soc", 254),
        ("max_temp", 215),
        ("min_temp", 215),
        ("max_temp", 214),
        ("pack_voltage", 6553.5),
        ("pack_voltage", 6553.4),
        ("pack_current", 5553.5),
        ("pack_current", 5553.4),
    ],
)
def test_invalid_codes_of_gb_t_32960_are_outside(name, code):
    """The values with which a terminal reports "invalid" or "abnormal" are no measurements."""
    assert name in why(raw(**{name: code}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        *(True, False, "12.5", "", "NaN", b"1", [], [1], {}, AmbiguousObject()),
        *(math.nan, math.inf, -math.inf, 10**30, 10**400, -(10**400), 10**4000),
    ],
    ids=lambda value: type(value).__name__ + str(value)[:5],
)
def test_not_a_number_of_json(name, value):
    """A string, a boolean, a container, an infinity, NaN and a number past all bounds are refused."""
    assert why(raw(**{name: value})).startswith(f"{name}: ")


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "1" + "0" * 400, "1e309"])
def test_numbers_that_no_double_holds(literal):
    """A JSON number that overflows is refused and does not become an infinity."""
    sent = parse_json(json.dumps(raw(soc="?")).replace('"?"', literal).encode())
    assert why(sent).startswith("soc: ")


@pytest.mark.parametrize(("name", "low", "high"), EDGES)
def test_numbers_round_trip(name, low, high):
    """Any double within the range is kept exactly."""

    @given(st.floats(low, high, allow_nan=False))
    def holds(value):
        sent = parse_json(json.dumps(raw(**{name: value})).encode())
        held = getattr(Reading.model_validate(sent, context=LATEST), name)
        assert repr(held) == repr(value)

    holds()


def test_a_whole_number_is_a_number():
    """An integer is as good as a float, and is held as one."""
    held = reading(soc=50).soc
    assert held == 50.0
    assert isinstance(held, float)


@pytest.mark.parametrize("name", NAMES)
def test_one_signal_is_enough(name):
    """A reading holds any one signal; the rest may be null or missing, and are null."""
    nulls = dict.fromkeys(NAMES)
    with_nulls = reading(**{**nulls, name: 1})
    assert with_nulls == reading(**{name: 1})
    assert {other: getattr(with_nulls, other) for other in NAMES} == {**nulls, name: 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_zero_is_a_signal(name):
    """Zero is a value, not its absence."""
    assert getattr(reading(**{name: 0}), name) == 0


@pytest.mark.parametrize("signals", [{}, dict.fromkeys(NAMES), {"speed": 5}, {"SOC": 5}])
def test_no_signal(signals):
    """A reading without any signal that is not null is refused."""
    sent = {"vin": "VIN-00001", "ts": "2026-01-24T12:00:00Z", **signals}
    assert kinds(sent) == ["no_signal"]


@pytest.mark.parametrize(
    "extra",
    [
        {"speed": 5},
        {"power_kw": 1},
        {"alerts": []},
        {"": None},
        {"soc ": "x"},
        {"\ud800": "\ud800"},
        {"deep": [[[[{}]]]]},
        {"a\0b": math.nan},
        {"odd": AmbiguousObject()},
    ],
)
def test_unknown_fields_are_ignored(extra):
    """A newer vehicle may send more than we know."""
    assert Reading.model_validate({**raw(), **extra}, context=LATEST) == reading()


@pytest.mark.parametrize("vin", ["ABCDE", "A" * 40, "VIN-DEMO-001", "-----", "00000", "LSVAA4182E2123456"])
def test_vin_accepted(vin):
    """5 to 40 letters, digits and hyphens."""
    assert normalise_vin(vin) == vin
    assert reading(vin).vin == vin


def test_vin_is_kept_in_upper_case():
    """Lower case names the same vehicle."""
    assert reading("vin-demo-001").vin == "VIN-DEMO-001"


@pytest.mark.parametrize(
    "vin",
    [
        "",
        "ABCD",
        "A" * 41,
        "VIN 0001",
        " VIN-0001",
        "VIN-0001 ",
        "VIN-0001\n",
        "\nVIN-0001",
        "VIN-0001\r",
        "VIN-0001\0",
        "VIN\t0001",
        "VIN_0001",
        "VIN.0001",
        "VIN/0001",
        "VIN+0001",
        "VIN#0001",
        "VIN%0001",
        "VIN'0001",
        "V\u0130N-0001",  # capital I with a dot
        "v\u0131n-0001",  # small i without a dot: its upper case is an innocent I
        "\u0412IN-0001",  # Cyrillic Ve
        "VIN-000\u0391",  # Greek Alpha
        "\u212aIN-0001",  # Kelvin sign: its lower case is k
        "VIN\u20100001",  # a hyphen that is not hyphen-minus
        "VIN-000\u0661",  # Arabic digit
        "\uff36IN-0001",  # full width
        "stra\u00dfe",  # the upper case of this letter is longer
        "\ufb01ndme",  # ligature
        "VIN\u200b0001",  # zero width
        "\ud800IN-0001",
    ],
)
def test_vin_refused(vin):
    """Any other text is no VIN, however similar."""
    with pytest.raises(ValueError, match="5 to 40 letters"):
        normalise_vin(vin)
    assert why(raw(vin)).startswith("vin: ")


@pytest.mark.parametrize("vin", [None, 12345, 1.5, True, b"VIN-00001", ["VIN-00001"], {}, AmbiguousObject()])
def test_vin_is_a_string(vin):
    """A VIN of another type is refused, null included."""
    assert why(raw(vin)).startswith("vin: ")


@pytest.mark.parametrize("field", ["vin", "ts"])
def test_required(field):
    """Without its key a value is no reading, and the reason names the missing field."""
    sent = raw()
    del sent[field]
    assert why(sent) == f"{field}: is missing"


@pytest.mark.parametrize(
    ("ts", "kind"),
    [
        (None, "timestamp"),
        (1_769_256_300, "timestamp"),
        (1_769_256_300.5, "timestamp"),
        (True, "timestamp"),
        (datetime(2026, 1, 24, tzinfo=UTC), "timestamp"),
        ("2026-01-24", "timestamp"),
        ("2026-01-24T12:05:00", "timestamp"),
        ("1769256300", "timestamp"),
        ("1999-12-31T23:59:59.999999Z", "timestamp_too_early"),
        ("2000-01-01T00:00:00+00:01", "timestamp_too_early"),
        ("0001-01-01T00:00:00Z", "timestamp_too_early"),
        ("2100-01-01T00:00:00.000001Z", "timestamp_in_future"),
        ("9999-12-31T23:59:59Z", "timestamp_in_future"),
    ],
)
def test_ts_refused(ts, kind):
    """A time that is none, before 2000 or too far ahead is refused."""
    assert kinds({**raw(), "ts": ts}) == [kind]


@pytest.mark.parametrize(
    "ts",
    [
        "2000-01-01T00:00:00Z",
        "1999-12-31T23:00:00-01:00",
        "2100-01-01T00:00:00Z",
        "2099-12-31T23:00:00-01:00",
    ],
)
def test_the_ends_of_time_are_inside(ts):
    """The first and the last moment that a reading may name are accepted, at any offset."""
    assert Reading.model_validate({**raw(), "ts": ts}, context=LATEST).ts.tzinfo is UTC


def test_nanoseconds_never_push_a_reading_past_the_limit():
    """Nanoseconds are truncated, not rounded: the last valid moment stays the last valid moment."""
    latest = LATEST - timedelta(microseconds=1)
    sent = {**raw(), "ts": "2099-12-31T23:59:59.999999999Z"}
    assert Reading.model_validate(sent, context=latest).ts == latest


@pytest.mark.parametrize("value", [None, 5, "x", True, [], [raw()], b"{}"])
def test_not_an_object(value):
    """Only a JSON object is a reading."""
    assert kinds(value) == ["not_an_object"]


def test_a_key_named_twice():
    """The intended value is unknown, so neither is taken."""
    assert why(AmbiguousObject()) == "must not name a key twice"


def test_every_bad_field_is_named():
    """One answer names all that is wrong."""
    reasons = why({"vin": "no vin", "ts": "yesterday", "soc": 101, "odo_km": "far"}).split("; ")
    assert [reason.partition(":")[0] for reason in reasons] == ["vin", "ts", "soc", "odo_km"]


@pytest.mark.parametrize("field", ["vin", "ts", *NAMES])
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: [s], lambda s: {s: s}], ids=["text", "array", "object"]
)
def test_the_reason_does_not_repeat_the_input(field, wrap):
    """The input may be anything, and is not repeated."""
    assert "hunter2" not in why({**raw(), field: wrap("hunter2 {} %s")})


def test_the_error_itself_hides_the_input():
    """A log line that prints the error does not show the input, either."""
    with pytest.raises(ValidationError) as refused:
        Reading.model_validate({**raw(), "soc": "hunter2"}, context=LATEST)
    assert "hunter2" not in str(refused.value)


def test_the_worked_example():
    """The contract's own readings are accepted, number by number."""
    for sent in WORKED_EXAMPLE:
        held = Reading.model_validate(sent, context=LATEST)
        assert {name: getattr(held, name) for name in NAMES} == {name: sent[name] for name in NAMES}


@pytest.mark.parametrize(
    ("volts", "amps", "kilowatts"),
    [
        (315.0, 70.0, 22.05),
        (310.1, 95.0, 29.4595),
        (400.0, -125.0, -50.0),
        (6000.0, 3000.0, 18_000.0),
        (6000.0, -3000.0, -18_000.0),
        (0.0, 3000.0, 0.0),
        (333.3, 33.33, 11.1089),
        (1.0, 0.04, 0.0),
        (1.0, 0.06, 0.0001),
        (None, 70.0, None),
        (315.0, None, None),
        (None, None, None),
    ],
)
def test_power(volts, amps, kilowatts):
    """V times A in kW with 4 decimals, positive while discharging, null where either is null."""
    assert power_kw(volts, amps) == kilowatts


@given(st.floats(0, 6000), st.floats(-3000, 3000))
def test_power_has_four_decimals(volts, amps):
    """Never more than 4 decimals, and never further from the product than half of the last one."""
    kilowatts = power_kw(volts, amps)
    assert kilowatts == round(kilowatts, 4)
    assert abs(kilowatts - volts * amps / 1000) <= 0.000_050_001
