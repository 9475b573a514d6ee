"""Values and times in messages of foreign devices: a number, no signal, or a rejection with its reason."""

import json

import pytest

from tests.source_results import HEADER, VIN, result

VALUES = {
    # A JSON value in the place of a number, in any kind of message.
    "81.5": 81.5,
    "81": 81.0,
    "0": 0.0,
    "-0.0": 0.0,
    "8.15e1": 81.5,
    "1e-400": 0.0,
    '"81.5"': 81.5,
    '" 81.5 "': 81.5,
    '"8.15E+01"': 81.5,
    '"+81.5"': 81.5,
    "null": None,
    '""': None,
    '" "': None,
    '"nan"': None,
    '"NaN"': None,
    '"null"': None,
    '"unknown"': None,
    '"UNAVAILABLE"': None,
    "true": "bad_value",
    "false": "bad_value",
    '"true"': "bad_value",
    '"on"': "bad_value",
    '"81,5"': "bad_value",
    '"81.5 %"': "bad_value",
    '"8_1"': "bad_value",
    '"0x51"': "bad_value",
    '"inf"': "bad_value",
    '"-Infinity"': "bad_value",
    '"1e999"': "bad_value",
    '"--5"': "bad_value",
    '"1 2"': "bad_value",
    '"\\u0000"': "bad_value",
    '"\\ud800"': "bad_value",
    '"\\n"': None,
    '"8\\n1"': "bad_value",
    '"\\uff18"': "bad_value",
    f'"{"x" * 5_000}"': "bad_value",
    f'"{"1" * 65}"': "bad_value",
    "[]": "bad_value",
    "[81.5]": "bad_value",
    "{}": "bad_value",
    '{"value":81.5}': "bad_value",
    '{"a":1,"a":1}': "bad_value",
    "100.001": "bad_reading",
    "-0.001": "bad_reading",
    "255": "bad_reading",
    '"255"': "bad_reading",
    "1e300": "bad_reading",
    "-1e300": "bad_reading",
    "1e999": "bad_reading",
    "1" + "0" * 400: "bad_reading",
    "1" + "0" * 5_000: "bad_json",
    "NaN": "bad_json",
    "Infinity": "bad_json",
    "+5": "bad_json",
    ".5": "bad_json",
    "5.": "bad_json",
    "05": "bad_json",
    "0x51": "bad_json",
    "'81.5'": "bad_json",
    "True": "bad_json",
    "None": "bad_json",
    "81.5,": "bad_json",
    "": "bad_json",
    '"81.5': "bad_json",
    '"\t"': "bad_json",
    '"\\x"': "bad_json",
    "[" * 100_000: "bad_json",
}
CLASSES = {
    "arrival": ("invalid/VIN-00001", '{"soc":%s}'),
    "own time": ("abrp/VIN-00001", '{"utc":1772359205,"soc":%s}'),
    "time of each value": (
        "bmw/raw/VIN-00001",
        f'{{"data":{{"{HEADER}":{{"timestamp":"2026-03-01T10:00:00Z","value":%s}}}}}}',
    ),
    "array": (
        "flespi/message/gw/devices/1",
        '[{"ident":"VIN-00001","timestamp":1772359205,"can.vehicle.battery.level":%s}]',
    ),
}

TIMES = {
    # The time of a reading: utc of ABRP, in seconds since 1970.
    "1772359205": 50.0,
    "1772359205.5": 50.0,
    '"1772359205"': 50.0,
    "1.772359205e9": 50.0,
    "946684800": 50.0,
    "946684799": "bad_reading",
    "0": "bad_reading",
    "-1": "bad_reading",
    "1772359205123": "bad_reading",
    "4102444801": "bad_reading",
    "1e999": "bad_reading",
    "1e300": "bad_reading",
    "9" * 30: "bad_reading",
    "null": "bad_reading",
    '""': "bad_reading",
    '"unknown"': "bad_reading",
    "true": "bad_reading",
    '"2026-03-01T10:00:05Z"': "bad_reading",
    "[1772359205]": "bad_reading",
    "{}": "bad_reading",
}

ISO = {
    # The time of a value: upd of CarConnectivity.
    '"2026-03-01 10:00:00+00:00"': 63.0,
    '"2026-03-01T10:00:00Z"': 63.0,
    '"2026-03-01T10:00:00.123456789+01:00"': 63.0,
    '"2026-03-01 10:00:00,5"': 63.0,
    '"2026-03-01 10:00"': 63.0,
    '"2026-03-01 10:00:00 +0100"': 63.0,
    '"2026-03-01 10:00:00+01"': 63.0,
    '"2026-03-01 10:00:00"': 63.0,
    '"2026-03-01"': "bad_reading",
    '"2026-02-30 10:00:00+00:00"': "bad_reading",
    '"2026-03-01 24:00:00+00:00"': "bad_reading",
    '"2026-03-01 10:00:60+00:00"': "bad_reading",
    '"2026-03-01 10:00:00+15:00"': "bad_reading",
    '"20260301T100000Z"': "bad_reading",
    '"2026-W09-7T10:00:00Z"': "bad_reading",
    '"1999-12-31 23:59:59+00:00"': "bad_reading",
    '"0001-01-01 00:00:00+14:00"': "bad_reading",
    '"yesterday"': "bad_reading",
    "1772359205": "bad_reading",
    "null": "bad_reading",
    '""': "bad_reading",
}


@pytest.mark.parametrize(("value", "wanted"), VALUES.items(), ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("form", CLASSES)
def test_a_value_in_each_class_of_messages(form, value, wanted):
    """The same value is the same number, no signal, or the same fault, wherever it stands."""
    topic, frame = CLASSES[form]
    if form == "arrival" and value in {"255", '"255"'}:
        wanted = None
    assert result(topic, frame % value) == wanted


@pytest.mark.parametrize(("time", "wanted"), TIMES.items(), ids=lambda value: repr(value)[:30])
def test_a_time_in_seconds(time, wanted):
    """A number since 1970, from the year 2000 on and not in the future."""
    assert result(f"abrp/{VIN}", f'{{"utc":{time},"soc":50}}') == wanted
    assert result(f"abrp/{VIN}", f'{{"utc":{time},"speed":50}}') is None


@pytest.mark.parametrize(("time", "wanted"), ISO.items(), ids=lambda value: repr(value)[:30])
def test_a_time_as_text(time, wanted):
    """A blank may stand for T, an offset may lack its colon; a time without an offset is in UTC."""
    topic = f"carconnectivity/0/garage/{VIN}/drives/primary/level_json"
    assert result(topic, f'{{"val":63.0,"upd":{time},"uni":"%"}}') == wanted
    assert result(topic, f'{{"val":null,"upd":{time},"uni":"%"}}') is None


@pytest.mark.parametrize(
    "part", ["", "null", '"Month":3', '"Year":"26"', '"Year":26.0', '"Month":true', '"Month":13', '"Hour":24']
)
def test_a_time_in_parts(part):
    """All six parts are whole numbers of a time that exists."""
    parts = {"Year": 26, "Month": 3, "Day": 1, "Hour": 18, "Minute": 0, "Second": 5}
    time = part or "5"
    if part.startswith('"'):
        time = json.dumps({**parts, **json.loads(f"{{{part}}}")})
        if part == '"Month":3':
            time = "{" + part + "}"
    payload = f'{{"Data":{{"Time":{time},"Infos":[{{"Type":"Vehicle","SOC":50}}]}}}}'
    assert result(f"gbt32960/{VIN}/upstream/info", payload) == "bad_reading"


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ('"%"', 63.0),
        ('"percent"', 63.0),
        ('"ratio"', "bad_reading"),
        ('"km"', "bad_value"),
        ('"x"', "bad_value"),
        ('""', "bad_value"),
        ("null", "bad_value"),
        ("5", "bad_value"),
        ("true", "bad_value"),
    ],
)
def test_a_unit_in_the_payload(unit, wanted):
    """A unit that is not known, or of another quantity, refuses the value instead of guessing."""
    topic = f"carconnectivity/0/garage/{VIN}/drives/primary/level_json"
    assert result(topic, f'{{"val":63.0,"upd":"2026-03-01 10:00:00+00:00","uni":{unit}}}') == wanted


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ('{"soc":255}', None),
        ('{"soc":255.0}', None),
        ('{"soc":"255"}', None),
        ('{"soc":"-na-"}', None),
        ('{"soc":254}', "bad_reading"),
        ('{"soc":"NA"}', "bad_value"),
        ('{"t":[21,24,23]}', 24.0),
        ('{"t":[21,null,"","24"]}', 24.0),
        ('{"t":{"a":21,"b":24}}', 24.0),
        ('{"t":[]}', None),
        ('{"t":[null]}', None),
        ('{"t":5}', None),
        ('{"t":[21,"x"]}', "bad_value"),
        ('{"t":[[21]]}', "bad_value"),
        ('{"t":{"a":1,"a":2}}', "bad_reading"),
    ],
)
def test_listed_values_and_several_values(payload, wanted):
    """Values listed as invalid are no signal; of several values the highest is taken."""
    assert result(f"invalid/{VIN}", payload) == wanted
