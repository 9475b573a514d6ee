"""Bad payloads of foreign devices: a reading, no signal, or a rejection with its reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.decoder import MAX_PAYLOAD_BYTES
from tests.json_torture import deepest_accepted
from tests.mapped import decoded, mapping, signals

VIN = "5YJXXXXXXXXXXXXX2"
SOURCES = mapping("""
[[source]]
dialect = "tesla-fleet-telemetry"

[[source]]
dialect = "wican"
vehicles = { mac = "KMHXXXXXXXXXXXXX4" }

[[source]]
dialect = "bmw-cardata"

[[source]]
dialect = "abrp"

[[source]]
dialect = "flespi"
unknown = "as_is"

[[source]]
dialect = "gbt32960-emqx"

[[source]]
dialect = "carconnectivity"

[[source]]
name = "invalid"
topic = "invalid/{vehicle}"
unknown = "as_is"
time = "arrival"
signals = { soc = { at = "/soc", invalid = [255, "-NA-"] }, max_temp = { at = "/t/*", reduce = "max" } }
""")


def result(topic, payload):
    """Return a number, None for no signal, or the reason of the rejection."""
    mapped = decoded(SOURCES, topic, payload)
    if mapped.rejections:
        (rejection,) = mapped.rejections
        assert rejection.detail.isprintable()
        assert len(rejection.detail) < 300
        return rejection.reason.value
    found = [value.signals for value in mapped.values] + [tuple(row[3:]) for row in mapped.rows]
    numbers = [number for values in found for number in values if number is not None]
    assert all(type(number) is float for number in numbers)
    assert len(numbers) <= 1
    return numbers[0] if numbers else None


SCALARS = {
    # A topic with one value: Soc of Tesla.
    b"71.2": 71.2,
    b"71": 71.0,
    b" 71.2\n": 71.2,
    b'"71.2"': 71.2,
    b'" 71.2 "': 71.2,
    b"7.12e1": 71.2,
    b"7.12E+01": 71.2,
    b'"7.12e+01"': 71.2,
    b"+71.2": 71.2,
    b"0": 0.0,
    b"-0": 0.0,
    b"-0.0": 0.0,
    b".5": 0.5,
    b"5.": 5.0,
    b"100": 100.0,
    b"1e2": 100.0,
    b"1e-400": 0.0,
    b"": None,
    b" ": None,
    b"\t\n": None,
    b"null": None,
    b"NULL": None,
    b'""': None,
    b'" "': None,
    b"nan": None,
    b"NaN": None,
    b'"NAN"': None,
    b"unknown": None,
    b'"Unknown"': None,
    b"unavailable": None,
    b"UNAVAILABLE": None,
    b"100.1": "bad_reading",
    b"-0.1": "bad_reading",
    b"1e999": "bad_value",
    b"1e300": "bad_reading",
    b"inf": "bad_value",
    b"-inf": "bad_value",
    b"Infinity": "bad_value",
    b'"inf"': "bad_value",
    b"true": "bad_value",
    b"false": "bad_value",
    b"True": "bad_value",
    b'"true"': "bad_value",
    b"on": "bad_value",
    b"full": "bad_value",
    b"71,2": "bad_value",
    b"71.2 %": "bad_value",
    b"71.2%": "bad_value",
    b"7_1": "bad_value",
    b'"7_1"': "bad_value",
    b"0x47": "bad_value",
    b"1/2": "bad_value",
    b"--1": "bad_value",
    b"1 2": "bad_value",
    b"1e": "bad_value",
    b"\xd9\xa7": "bad_value",
    "\u0667\u0661".encode(): "bad_value",
    "\uff17\uff11".encode(): "bad_value",
    b"\xff\xfe": "bad_value",
    b"\x00": "bad_value",
    b"7\x001": "bad_value",
    b"[71.2]": "bad_value",
    b'{"value":71.2}': "bad_value",
    b'"71.2': "bad_value",
    b'"\\ud800"': "bad_value",
    b"1" * 65: "bad_value",
    b"9" * 5_000: "too_large",
    b" " * 5_000: "too_large",
}

OBJECTS = {
    # An object with values: SOC of WiCAN.
    '{"SOC":81.5}': 81.5,
    '{"SOC":81}': 81.0,
    '{"SOC":"81.5"}': 81.5,
    '{"SOC":"8.15e+01"}': 81.5,
    '{"SOC":-0.0}': 0.0,
    ' { "SOC" : 81.5 } ': 81.5,
    '{"\\u0053OC":81.5}': 81.5,
    '{"SOC":81.5,"x":[{"y":null}]}': 81.5,
    '{"SOC":null,"SOC_D":80}': 80.0,
    '{"SOC":"","SOC_D":80}': 80.0,
    '{"SOC_D":80}': 80.0,
    '{"x":{"a":1,"a":2},"SOC":81.5}': 81.5,
    "{}": None,
    "[]": None,
    "5": None,
    "null": None,
    "true": None,
    '"SOC"': None,
    "[[]]": None,
    '[{"SOC":81.5}]': None,
    '{"soc":81.5}': None,
    '{"SOC":null}': None,
    '{"SOC":""}': None,
    '{"SOC":"nan"}': None,
    '{"SOC":"NaN"}': None,
    '{"SOC":" unknown "}': None,
    '{"SOC":"unavailable"}': None,
    '{"x":"\\u0000"}': None,
    '{"bus":"0","type":"rx","ts":34610,"frame":[]}': None,
    '{"SOC":true}': "bad_value",
    '{"SOC":false}': "bad_value",
    '{"SOC":"on"}': "bad_value",
    '{"SOC":"full"}': "bad_value",
    '{"SOC":"\\u0000"}': "bad_value",
    '{"SOC":"\\ud800"}': "bad_value",
    '{"SOC":"\\n\\u202e"}': "bad_value",
    '{"SOC":"\u0667"}': "bad_value",
    '{"SOC":"1_0"}': "bad_value",
    '{"SOC":"1e999"}': "bad_value",
    '{"SOC":"inf"}': "bad_value",
    '{"SOC":[81.5]}': "bad_value",
    '{"SOC":[]}': "bad_value",
    '{"SOC":{}}': "bad_value",
    '{"SOC":{"value":81.5}}': "bad_value",
    f'{{"SOC":"{"x" * 10_000}"}}': "bad_value",
    f'{{"SOC":"{"1" * 65}"}}': "bad_value",
    '{"SOC":100.1}': "bad_reading",
    '{"SOC":-1}': "bad_reading",
    '{"SOC":1e999}': "bad_reading",
    f'{{"SOC":1{"0" * 400}}}': "bad_reading",
    f'{{"HV_A":-1{"0" * 30}}}': "bad_reading",
    '{"SOC":81.5,"HV_A":6541.2}': "bad_reading",
    '{"SOC":81.5,"SOC":82}': "bad_reading",
    '{"SOC":81.5,"\\u0053OC":82}': "bad_reading",
    '{"SOC":81.5,"SOC":"\\u0022\\u0022\\u0022"}': "bad_reading",
    f'{{"SOC":1{"0" * 5_000}}}': "bad_json",
    '{"SOC":81.5': "bad_json",
    '{"SOC":81.5}}': "bad_json",
    '{"SOC":81.5} {}': "bad_json",
    '{"SOC":+81.5}': "bad_json",
    '{"SOC":.5}': "bad_json",
    '{"SOC":NaN}': "bad_json",
    '{"SOC":Infinity}': "bad_json",
    '{"SOC":81,5}': "bad_json",
    "{'SOC':81.5}": "bad_json",
    '{"SOC":81.5,}': "bad_json",
    "online": "bad_json",
    " ": "bad_json",
    "\ufeff{}": "bad_json",
}

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
HEADER = "vehicle.drivetrain.batteryManagement.header"
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


@pytest.mark.parametrize(("payload", "wanted"), SCALARS.items(), ids=lambda value: repr(value)[:30])
def test_a_payload_of_one_value(payload, wanted):
    """A number, in quotes or not; words for no value; any other text is refused."""
    assert result(f"telemetry/{VIN}/v/Soc", payload) == wanted


@pytest.mark.parametrize(("payload", "wanted"), OBJECTS.items(), ids=lambda value: repr(value)[:30])
def test_a_payload_of_many_values(payload, wanted):
    """A missing value is no signal; a fault refuses the whole message."""
    assert result("wican/mac/can/rx", payload) == wanted


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


def test_a_large_payload():
    """As for our own topics, 1 MiB is the limit."""
    assert result("wican/mac/can/rx", b'{"SOC":81.5,"x":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}') == "too_large"


def test_a_deep_payload():
    """Nesting that no parser takes is refused; less of it is no signal."""
    deep = deepest_accepted()
    assert result("wican/mac/can/rx", b"[" * 200_000) == "bad_json"
    assert result("wican/mac/can/rx", b"[" * (deep // 2) + b"]" * (deep // 2)) is None


DISTANCE = "vehicle.vehicle.travelledDistance"
T = "2026-03-01T10:00:00Z"


def cardata(**values):
    return json.dumps({"vin": VIN, "data": values})


def timed(content):
    """Return the number of rows, and the reason and detail of the rejection."""
    mapped = decoded(SOURCES, f"bmw/raw/{VIN}", content)
    why = [(rejection.reason.value, rejection.detail) for rejection in mapped.rejections]
    assert len(why) <= 1
    return len(mapped.rows), *(why[0] if why else (None, None))


def test_a_bad_value_spoils_no_other():
    """Values with times of their own are readings of their own: the good ones are stored."""
    good = {"timestamp": T, "value": 12345}
    soc = f"soc (/data/{HEADER})"
    for bad, reason, detail in (
        ({"timestamp": T, "value": "x"}, "bad_value", f'{soc}: "x" is not a number'),
        ({"timestamp": T, "value": True}, "bad_value", f"{soc}: a boolean is not a number"),
        (69, "bad_value", f"{soc}: is no object with a value and a time"),
        ({"value": 69}, "bad_reading", "ts of soc: is missing"),
        ({"timestamp": "soon", "value": 69}, "bad_reading", "ts of soc: must be an RFC 3339 time"),
        ({"timestamp": "2200-01-01T00:00:00Z", "value": 69}, "bad_reading", "ts: lies too far in the future"),
        (
            {"timestamp": "1970-01-01T00:00:00Z", "value": 69},
            "bad_reading",
            "ts: must not be before the year",
        ),
        (
            {"timestamp": "2026-03-01T09:58:00Z", "value": 169},
            "bad_reading",
            "soc: should be less than or equal",
        ),
    ):
        rows, found, text = timed(cardata(**{HEADER: bad, DISTANCE: good}))
        assert (rows, found) == (1, reason), bad
        assert text.startswith(detail)
    for nothing in (None, {"timestamp": T}, {"timestamp": T, "value": ""}, {"value": None}):
        assert timed(cardata(**{HEADER: nothing, DISTANCE: good})) == (1, None, None)
    # A reading of one time is refused as a whole.
    assert timed(cardata(**{HEADER: {"timestamp": T, "value": 169}, DISTANCE: good}))[0] == 0


def test_the_vehicle_in_the_payload():
    """Topic and payload must name the same vehicle; without a name the payload holds no reading."""
    topic = f"bmw/raw/{VIN}"
    content = {"data": {HEADER: {"timestamp": T, "value": 69}}}
    for vin, wanted in (
        (VIN, 69.0),
        (VIN.lower(), 69.0),
        (None, 69.0),
        ("", "vin_mismatch"),
        ("WBAXXXXXXXXXXXXX5", "vin_mismatch"),
        (5, "vin_mismatch"),
    ):
        assert result(topic, json.dumps({**content, "vin": vin})) == wanted
    assert result(topic, json.dumps({"vin": "WBAXXXXXXXXXXXXX5", "data": {}})) is None
    position = {"timestamp": 1772359205, "can.vehicle.mileage": 5}
    for ident, wanted in (("WF0XXXXXXXXXXXXX7", 5.0), (352000000000001, 5.0), ("x", "unknown_vehicle")):
        assert result("flespi/message/gw/devices/1", json.dumps({**position, "ident": ident})) == wanted
    for ident in (None, True, "", [], {}):
        payload = json.dumps({**position, "ident": ident})
        assert result("flespi/message/gw/devices/1", payload) == "unknown_vehicle"
    assert result("flespi/message/gw/devices/1", "{}") is None


def test_an_array_of_readings():
    """Good elements are stored, bad ones are rejections with their index and their own bytes."""
    topic = "flespi/message/gw/devices/1"
    good = b'{"ident":"WF0XXXXXXXXXXXXX7", "timestamp":1772359205,"can.vehicle.battery.level":63}'
    bad = good.replace(b":63", b':"x"')
    unknown = good.replace(b"WF0XXXXXXXXXXXXX7", b"w")
    mapped = decoded(SOURCES, topic, b"[" + b", ".join([good, bad, b"5", b"{}", unknown, good]) + b"]")
    assert list(mapped.indexes) == [0, 5]
    assert [row.soc for row in mapped.rows] == [63, 63]
    assert [(each.index, each.reason.value, each.payload, each.vin) for each in mapped.rejections] == [
        (1, "bad_value", bad, "WF0XXXXXXXXXXXXX7"),
        (4, "unknown_vehicle", unknown, ""),
    ]
    # The kept element is decoded again as an element.
    again = decoded(SOURCES, topic, bad.replace(b'"x"', b"64"), is_element=True)
    assert [row.soc for row in again.rows] == [64]
    assert again.indexes is None
    for nothing in (b"[]", b"[[]]", b"[5]", b"5", b"{}"):
        assert result(topic, nothing) is None
    assert result(topic, b"[" + b"{}," * 10_000 + b"{}]") == "too_many"


def test_elements_deep_in_a_payload():
    """`each` may lead into the message; an element with a repeated key is kept with its message."""
    sources = mapping("""
        [[source]]
        name = "telegraf"
        topic = "telegraf"
        vehicle = "/tags/vin"
        each = "/metrics"
        unknown = "as_is"
        time = { at = "/timestamp", format = "unix_s" }
        signals = { soc = "/fields/soc" }
    """)
    element = '{"fields":{"soc":%s},"tags":{"vin":"VIN-00001"},"timestamp":1772359205}'
    payload = f'{{"metrics":[{element % 63},{element % 163}]}}'
    mapped = decoded(sources, "telegraf", payload)
    assert [tuple(row[3:]) for row in mapped.rows] == [signals(soc=63)]
    (rejection,) = mapped.rejections
    assert rejection.index == 1
    assert json.loads(rejection.payload) == json.loads(element % 163)
    assert (
        decoded(sources, "telegraf", rejection.payload, is_element=True).rejections[0].detail
        == rejection.detail
    )
    (rejection,) = decoded(sources, "telegraf", '{"metrics":[],"metrics":[]}').rejections
    assert (rejection.index, rejection.detail) == (None, "must not name a key twice")
    twice = payload.replace('"soc":163', '"soc":63,"soc":64')
    (rejection,) = decoded(sources, "telegraf", twice).rejections
    assert (rejection.index, rejection.payload, rejection.detail) == (
        None,
        twice.encode(),
        "must not name a key twice",
    )
    # No UTF-8 has half of a pair of surrogates, which JSON can name.
    half = payload.replace('"soc":163', '"soc":"\\ud800"')
    (rejection,) = decoded(sources, "telegraf", half).rejections
    assert (rejection.index, rejection.payload, rejection.reason) == (None, half.encode(), "bad_value")


STATUS = f"telemetry/{VIN}/connectivity"


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ('{"ConnectionId":"1","Status":"CONNECTED"}', "online"),
        ('{"Status":" DISCONNECTED "}', "offline"),
        ('{"Status":null}', None),
        ('{"Status":"unknown"}', None),
        ("{}", None),
        ("", None),
        ("5", None),
        ('{"Status":"connected"}', "bad_status"),
        ('{"Status":1}', "bad_status"),
        ('{"Status":"CONNECTED","Status":"CONNECTED"}', "bad_reading"),
        ('{"x":1,"x":2}', "bad_reading"),
        ("online", "bad_json"),
    ],
)
def test_a_status(payload, wanted):
    """The words of the source, in these letters."""
    mapped = decoded(SOURCES, STATUS, payload)
    assert mapped.rows == mapped.values == []
    found = mapped.rejections[0].reason.value if mapped.rejections else None
    assert (mapped.status.status.value if mapped.status else found) == wanted


def test_a_status_by_number_and_of_a_stranger():
    """A number is compared as text; a vehicle that is not in the table has no status."""
    assert decoded(SOURCES, f"gbt32960/{VIN}/upstream/vlogin", '{"Cmd":1}').status.status.value == "online"
    assert decoded(SOURCES, f"gbt32960/{VIN}/upstream/vlogout", '{"Cmd":4}').status.status.value == "offline"
    mapped = decoded(SOURCES, "wican/other/status", '{"status":"online"}')
    assert mapped.status is None
    assert mapped.rejections[0].reason.value == "unknown_vehicle"


TOPICS = [
    f"telemetry/{VIN}/v/Soc",
    "wican/mac/can/rx",
    f"bmw/raw/{VIN}",
    f"abrp/{VIN}",
    "flespi/message/gw/devices/1",
    f"gbt32960/{VIN}/upstream/info",
    f"carconnectivity/0/garage/{VIN}/odometer_json",
    STATUS,
    f"invalid/{VIN}",
]
KEYS = st.sampled_from(
    ["SOC", "HV_T_1", "data", HEADER, "value", "timestamp", "vin", "utc", "soc", "ident", "t", "val"]
)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([T, VIN, 1772359205]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4),
    max_leaves=12,
)


JSON = TREES.map(json.dumps)
# Half of the keys in one object twice, by joining two objects.
JOINED = st.tuples(JSON, JSON).map(lambda two: f"{two[0][:-1]},{two[1][1:]}")


@given(st.sampled_from(TOPICS), (JSON | JOINED).map(str.encode) | st.binary(max_size=60))
def test_no_payload_raises(topic, payload):
    """Every message gives readings, values, a status or rejections, all of them in order."""
    mapped = decoded(SOURCES, topic, payload)
    assert len(mapped.rejections) <= 1 or mapped.indexes is not None
    assert mapped.indexes is None or len(mapped.indexes) == len(mapped.rows)
    assert all(len(rejection.detail) < 2_000 for rejection in mapped.rejections)
