"""Messages of several values or readings: a bad one is refused by itself, with its place."""

import json

from tests.mapped import decoded, mapping, signals
from tests.source_results import HEADER, SOURCES, VIN, result

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
