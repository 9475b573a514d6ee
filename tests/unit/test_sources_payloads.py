"""Bad payloads of foreign devices: a reading, no signal, or a rejection with its reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.decoder import MAX_PAYLOAD_BYTES
from tests.json_torture import deepest_accepted
from tests.mapped import decoded
from tests.source_results import HEADER, SOURCES, VIN, result

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


@pytest.mark.parametrize(("payload", "wanted"), SCALARS.items(), ids=lambda value: repr(value)[:30])
def test_a_payload_of_one_value(payload, wanted):
    """A number, in quotes or not; words for no value; any other text is refused."""
    assert result(f"telemetry/{VIN}/v/Soc", payload) == wanted


@pytest.mark.parametrize(("payload", "wanted"), OBJECTS.items(), ids=lambda value: repr(value)[:30])
def test_a_payload_of_many_values(payload, wanted):
    """A missing value is no signal; a fault refuses the whole message."""
    assert result("wican/mac/can/rx", payload) == wanted


def test_a_large_payload():
    """As for our own topics, 1 MiB is the limit."""
    assert result("wican/mac/can/rx", b'{"SOC":81.5,"x":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}') == "too_large"


def test_a_deep_payload():
    """Nesting that no parser takes is refused; less of it is no signal."""
    deep = deepest_accepted()
    assert result("wican/mac/can/rx", b"[" * 200_000) == "bad_json"
    assert result("wican/mac/can/rx", b"[" * (deep // 2) + b"]" * (deep // 2)) is None


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
    | st.sampled_from(["2026-03-01T10:00:00Z", VIN, 1772359205]),
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
