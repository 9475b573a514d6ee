"""Encoders of dialects with one value a topic, against payloads computed by hand from the projects' facts."""

import pytest

from scripts.simulator.dialects.registry import DIALECTS
from tests.dialects import CHARGING, DRIVING, EMPTY, EVEN, EXTREME, ODD, SPARSE, sent

OVMS = [
    "v/b/soc",
    "v/b/soh",
    "v/b/voltage",
    "v/b/current",
    "v/b/p/temp/max",
    "v/b/p/temp/min",
    "v/p/odometer",
    "m/time/utc",
]
TESLA = ["Soc", "PackVoltage", "PackCurrent", "ModuleTempMax", "ModuleTempMin", "Odometer"]
SAIC = ["mileage", "soc", "current", "voltage", "power"]
WECONNECT = [
    "charging/batteryStatus/currentSOC_pct",
    "measurements/odometerStatus/odometer",
    "measurements/temperatureBatteryStatus/temperatureHvBatteryMax_K",
    "measurements/temperatureBatteryStatus/temperatureHvBatteryMin_K",
    "charging/batteryStatus/carCapturedTimestamp",
    "measurements/odometerStatus/carCapturedTimestamp",
    "measurements/temperatureBatteryStatus/carCapturedTimestamp",
]
TAKEN = "2026-03-01 10:00:05+00:00"
NO = None

# Dialect, car, reading; payloads in the order of publication; soc, soh, V, A, max, min, km of the receiver.
CASES = [
    (
        *("ovms", ODD, DRIVING),
        ["81.5", "95", "352.4", "43.2", "24", "21", "65534.6", "1772359205"],
        (81.5, 95, 352.4, 43.2, 24, 21, 65534.6),
    ),
    (
        *("ovms", ODD, CHARGING),
        ["63.4", NO, "402.5", "-15.25", "-3.5", "-20.3", "48212.1", "1798732800"],
        (63.4, None, 402.5, -15.25, -3.5, -20.3, 48212.1),
    ),
    (
        *("ovms", ODD, EXTREME),
        ["0", "100", "6000", "-3000", "210", "-40", "1e+06", "1772359205"],
        (0, 100, 6000, -3000, 210, -40, 1_000_000),
    ),
    (
        *("ovms", ODD, SPARSE),
        ["50", NO, NO, NO, NO, NO, NO, "1772359205"],
        (50, None, None, None, None, None, None),
    ),
    (
        *("ovms", ODD, DRIVING | {"odo_km": 123456.7}),
        ["81.5", "95", "352.4", "43.2", "24", "21", "123457", "1772359205"],
        (81.5, 95, 352.4, 43.2, 24, 21, 123457),
    ),
    (*("teslamate", ODD, DRIVING), ["82", "65534.58", "230"], (82, *[None] * 5, 65534.58)),
    (*("teslamate", ODD, CHARGING), ["63", "48212.1", "230"], (63, *[None] * 5, 48212.1)),
    (*("teslamate", ODD, EXTREME), ["0", "999999.9", "230"], (0, *[None] * 5, 999999.9)),
    (*("teslamate", ODD, SPARSE), ["50", "", "230"], (50, *[None] * 6)),
    (
        *("tesla-fleet-telemetry", ODD, DRIVING),
        ["81.5", "352.4", "-43.2", "24", "21", "40721.3"],
        (81.5, None, 352.4, 43.2, 24, 21, 65534.58),
    ),
    (
        *("tesla-fleet-telemetry", EVEN, CHARGING),
        ['"63.4"', '"402.5"', '"15.2"', '"-3.5"', '"-20.3"', '"29957.6"'],
        (63.4, None, 402.5, -15.2, -3.5, -20.3, 48212.084),
    ),
    (
        *("tesla-fleet-telemetry", ODD, EXTREME),
        ["0", "6000", "3000", "210", "-40", "621371.1"],
        (0, None, 6000, -3000, 210, -40, 999999.852),
    ),
    (
        *("tesla-fleet-telemetry", EVEN, SPARSE),
        ['"50"', "null", "null", "null", "null", "null"],
        (50, *[None] * 6),
    ),
    (
        *("saic", ODD, DRIVING),
        ["65534.6", "81.5", "43.2", "352.5", "15.228"],
        (81.5, None, 352.5, 43.2, None, None, 65534.6),
    ),
    (
        *("saic", ODD, CHARGING),
        ["48212.1", "63.4", "-15.25", "402.5", "-6.138"],
        (63.4, None, 402.5, -15.25, None, None, 48212.1),
    ),
    (
        *("saic", ODD, EXTREME),
        ["999999.9", "0.0", NO, "6000.0", NO],
        (0, None, 6000, None, None, None, 999999.9),
    ),
    (*("saic", ODD, SPARSE), [NO, "50.0", NO, NO, NO], (50, *[None] * 6)),
    (
        *("weconnect", ODD, DRIVING),
        ["82", "65535", "297.15", "294.15", *["2026-03-01 10:00:05.123456+00:00"] * 3],
        (82, None, None, None, 24, 21, 65535),
    ),
    (
        *("weconnect", ODD, CHARGING),
        ["63", "48212", "269.65", "252.85", *["2026-12-31 16:00:00+00:00"] * 3],
        (63, None, None, None, -3.5, -20.3, 48212),
    ),
    (
        *("weconnect", ODD, EXTREME),
        ["0", "1000000", "483.15", "233.15", *[TAKEN] * 3],
        (0, None, None, None, 210, -40, 1_000_000),
    ),
    (*("weconnect", ODD, SPARSE), ["50", "", "", "", *[TAKEN] * 3], (50, *[None] * 6)),
    (*("openwb", ODD, DRIVING), ["82", "65534.58", "1772359205"], (82, *[None] * 5, 65534.58)),
    (*("openwb", ODD, CHARGING), ["63", "48212.1", "1798732800"], (63, *[None] * 5, 48212.1)),
    (*("openwb", ODD, EXTREME), ["0", "999999.9", "1772359205"], (0, *[None] * 5, 999999.9)),
    (*("openwb", ODD, SPARSE), ["50", "null", "1772359205"], (50, *[None] * 6)),
    (*("evcc", ODD, DRIVING), ["81.5", "65534.58", "SIM-000001"], (81.5, *[None] * 5, 65534.58)),
    (*("evcc", ODD, CHARGING), ["63.4", "48212.1", "SIM-000001"], (63.4, *[None] * 5, 48212.1)),
    (*("evcc", ODD, EXTREME), ["0", "999999.9", "SIM-000001"], (0, *[None] * 5, 999999.9)),
    (*("evcc", EVEN, SPARSE), ["50", "", "sim-000002"], (50, *[None] * 6)),
    (
        *("evcc", ODD, SPARSE | {"soc": 200 / 3}),
        ["66.667", "", "SIM-000001"],
        (66.667, *[None] * 6),
    ),
]

# Dialect, the topic of each car up to the key, keys in the order of publication, QoS, RETAIN.
FORMS = [
    ("ovms", ["ovms/demo/DEMO1/metric/", "ovms/demo/DEMO2/metric/"], OVMS, 0, True),
    (
        *("teslamate", ["teslamate/cars/1/", "teslamate/cars/2/"]),
        *(["battery_level", "odometer", "charger_voltage"], 1, True),
    ),
    (
        *("tesla-fleet-telemetry", ["telemetry/SIM-000001/v/", "telemetry/sim-000002/v/"]),
        *(TESLA, 0, False),
    ),
    (
        *("saic", ["saic/demo/vehicles/SIM-000001/drivetrain/", "saic/demo/vehicles/sim-000002/drivetrain/"]),
        *(SAIC, 0, True),
    ),
    (
        *("weconnect", [f"weconnect/0/vehicles/{vin}/domains/" for vin in (ODD.vin, EVEN.vin)]),
        *(WECONNECT, 1, True),
    ),
    (
        *("openwb", ["openWB/vehicle/1/get/", "openWB/vehicle/2/get/"]),
        *(["soc", "odometer", "soc_timestamp"], 0, True),
    ),
    (
        *("evcc", ["evcc/loadpoints/1/", "evcc/loadpoints/2/"]),
        *(["vehicleSoc", "vehicleOdometer", "vehicleTitle"], 1, True),
    ),
]
KEYS = {name: keys for name, _, keys, _, _ in FORMS}


@pytest.mark.parametrize(("name", "starts", "keys", "qos", "retain"), FORMS)
def test_topics_and_flags(name, starts, keys, qos, retain):
    """Each message has the topic, the QoS and the RETAIN flag of the device, for either car."""
    for start, car in zip(starts, (ODD, EVEN), strict=True):
        found = DIALECTS[name].encode(DRIVING, car)
        assert [message.topic for message in found] == [start + key for key in keys]
        assert {(message.qos, message.retain) for message in found} == {(qos, retain)}


@pytest.mark.parametrize(("name", "car", "reading", "payloads", "values"), CASES)
def test_payloads(name, car, reading, payloads, values):
    """Each payload is literally that of the device, and a receiver has these values without a time."""
    encoder = DIALECTS[name]
    found = {message.topic: message.payload.decode() for message in encoder.encode(reading, car)}
    expected = {key: text for key, text in zip(KEYS[name], payloads, strict=True) if text is not None}
    assert len(found) == len(expected)
    assert {key: found[topic] for key in expected for topic in found if topic.endswith(f"/{key}")} == expected
    assert sent(encoder, reading, car) == values
    assert encoder.as_sent(reading, car).ts is None


@pytest.mark.parametrize("name", KEYS)
def test_without_a_value(name):
    """A reading without values has no signal on the wire, and gives no row."""
    assert sent(DIALECTS[name], EMPTY, ODD) == (None,) * 7


def test_only_two_of_them_have_no_order():
    """TeslaMate publishes from several processes, Tesla from a Go map."""
    unordered = {encoder.name for encoder in DIALECTS.values() if encoder.is_unordered}
    assert unordered == {"teslamate", "tesla-fleet-telemetry"}
