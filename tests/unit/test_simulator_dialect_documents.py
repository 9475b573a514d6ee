"""Encoders of dialects with JSON documents, against payloads computed by hand from the projects' facts."""

from datetime import UTC, datetime

import pytest

from scripts.simulator.dialects.registry import DIALECTS
from tests.dialects import CHARGING, DRIVING, EMPTY, EVEN, EXTREME, ODD, SPARSE, sent

SECOND = datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)
MILLISECOND = SECOND.replace(microsecond=123000)
NEW_YEAR = datetime(2026, 12, 31, 16, tzinfo=UTC)
BATTERY = '"Vehicle.Powertrain.TractionBattery.'


def messages(name, reading, car=ODD):
    return [message.payload.decode() for message in DIALECTS[name].encode(reading, car)]


def stored(name, reading, car=ODD):
    encoder = DIALECTS[name]
    return encoder.as_sent(reading, car).ts, sent(encoder, reading, car)


@pytest.mark.parametrize(
    ("name", "topics", "qos", "retain"),
    [
        ("wican", ["wican/02534d000001/can/rx"], 0, True),
        (
            "carconnectivity",
            [
                "carconnectivity/0/garage/SIM-000001/drives/primary/level_json",
                "carconnectivity/0/garage/SIM-000001/drives/primary/battery/temperature_max_json",
                "carconnectivity/0/garage/SIM-000001/drives/primary/battery/temperature_min_json",
                "carconnectivity/0/garage/SIM-000001/odometer_json",
            ],
            1,
            True,
        ),
        ("bmw-cardata", ["bmw/raw/SIM-000001"] * 2, 0, False),
        ("vss", ["vss/SIM-000001"], 1, False),
        ("gbt32960-emqx", ["gbt32960/SIM-000001/upstream/info"], 1, False),
        ("flespi", ["flespi/message/gw/devices/5000001"], 1, False),
        ("traccar", ["positions"], 1, False),
        ("abrp", ["abrp/demo-1"], 1, False),
    ],
)
def test_topics_and_flags(name, topics, qos, retain):
    """Each message has the topic, the QoS and the RETAIN flag of the source."""
    found = DIALECTS[name].encode(DRIVING, ODD)
    assert [message.topic for message in found] == topics
    assert {(message.qos, message.retain) for message in found} == {(qos, retain)}


@pytest.mark.parametrize(
    ("car", "reading", "payload", "values"),
    [
        (
            ODD,
            DRIVING,
            (
                '{"SOC":81.5,"SOH":95,"HV_V":352.4,"HV_A":-43.2,"HV_T_MAX":24,"HV_T_MIN":21,"ODOMETER":65534.58,'
                '"CHARGING":"off"}'
            ),
            (81.5, 95, 352.4, 43.2, 24, 21, 65534.58),
        ),
        (
            ODD,
            CHARGING,
            (
                '{"SOC":63.4,"HV_V":402.5,"HV_A":15.25,"HV_T_MAX":-3.5,"HV_T_MIN":-20.3,"ODOMETER":48212.1,'
                '"CHARGING":"on"}'
            ),
            (63.4, None, 402.5, -15.25, -3.5, -20.3, 48212.1),
        ),
        (
            EVEN,
            CHARGING,
            (
                '{"SOC":63.4,"HV_V":402.5,"HV_A":-15.25,"HV_T_1":-20.3,"HV_T_2":-3.5,"ODOMETER_MI":29957.6,'
                '"CHARGING":"on"}'
            ),
            (63.4, None, 402.5, -15.25, -3.5, -20.3, 48212.084),
        ),
        (
            EVEN,
            EXTREME,
            (
                '{"SOC":0,"SOH":100,"HV_V":6000,"HV_A":-3000,"HV_T_1":-40,"HV_T_2":210,"ODOMETER_MI":621371.1,'
                '"CHARGING":"on"}'
            ),
            (0, 100, 6000, -3000, 210, -40, 999999.852),
        ),
        (ODD, SPARSE, '{"SOC":50,"CHARGING":"off"}', (50, *[None] * 6)),
        # One probe is both the hottest and the coldest.
        (
            EVEN,
            SPARSE | {"min_temp": -4.0},
            '{"SOC":50,"HV_T_1":-4,"CHARGING":"off"}',
            (50, None, None, None, -4, -4, None),
        ),
    ],
)
def test_wican(car, reading, payload, values):
    """Odd cars: positive = charge; even ones: probes, miles, positive = discharge. No time."""
    assert messages("wican", reading, car) == [payload]
    assert stored("wican", reading, car) == (None, values)


@pytest.mark.parametrize(
    ("car", "reading", "updated", "quantities", "ts", "values"),
    [
        (
            *(ODD, DRIVING, "2026-03-01 10:00:05.123456+00:00"),
            [("81.5", "%"), ("24.0", "C"), ("21.0", "C"), ("65534.6", "km")],
            SECOND.replace(microsecond=123456),
            (81.5, None, None, None, 24, 21, 65534.6),
        ),
        (
            *(EVEN, CHARGING, "2026-12-31 16:00:00+00:00"),
            [("63.4", "%"), ("25.7", "F"), ("-4.5", "F"), ("29957.6", "mi")],
            NEW_YEAR,
            (63.4, None, None, None, -3.5, -20.278, 48212.084),
        ),
        (
            *(EVEN, EXTREME, "2026-03-01 10:00:05+00:00"),
            [("0.0", "%"), ("410.0", "F"), ("-40.0", "F"), ("621371.1", "mi")],
            SECOND,
            (0, None, None, None, 210, -40, 999999.852),
        ),
        (
            *(ODD, SPARSE, "2026-03-01 10:00:05+00:00"),
            [("50.0", "%"), ("null", "C"), ("null", "C"), ("null", "km")],
            SECOND,
            (50, *[None] * 6),
        ),
    ],
)
def test_carconnectivity(car, reading, updated, quantities, ts, values):
    """A value with its time as Python writes it, and its unit."""
    assert messages("carconnectivity", reading, car) == [
        f'{{"val":{number},"upd":"{updated}","uni":"{unit}"}}' for number, unit in quantities
    ]
    assert stored("carconnectivity", reading, car) == (ts, values)


@pytest.mark.parametrize(
    ("reading", "taken", "sent_at", "soc", "km", "soh", "values"),
    [
        (
            *(DRIVING, "2026-03-01T10:00:05Z", "2026-03-01T10:00:07.104Z", "82", '"65535"', "95"),
            (SECOND, (82, 95, None, None, None, None, 65535)),
        ),
        (
            *(CHARGING, "2026-12-31T16:00:00Z", "2026-12-31T16:00:02.104Z", "63", '"48212"', "null"),
            (NEW_YEAR, (63, None, None, None, None, None, 48212)),
        ),
        (
            *(EXTREME, "2026-03-01T10:00:05Z", "2026-03-01T10:00:07.104Z", "0", '"1000000"', "100"),
            (SECOND, (0, 100, None, None, None, None, 1_000_000)),
        ),
        (
            *(EMPTY, "2026-03-01T10:00:05Z", "2026-03-01T10:00:07.104Z", '"INVALID"', '""', "null"),
            (SECOND, (None,) * 7),
        ),
    ],
)
def test_cardata(reading, taken, sent_at, soc, km, soh, values):
    """Two documents of one time, which a receiver joins; whole numbers and whole seconds."""
    head = (
        '{"vin":"SIM-000001","entityId":"00000000-0000-4000-8000-000000000001","topic":"SIM-000001",'
        f'"timestamp":"{sent_at}","data":{{'
    )
    assert messages("bmw-cardata", reading) == [
        (
            f'{head}"vehicle.drivetrain.batteryManagement.header":{{"timestamp":"{taken}","value":{soc},'
            f'"unit":"percent"}},"vehicle.vehicle.travelledDistance":{{"timestamp":"{taken}","value":{km},'
            '"unit":"km"}}}'
        ),
        (
            f'{head}"vehicle.powertrain.electric.battery.stateOfHealth.displayed":{{"timestamp":"{taken}",'
            f'"value":{soh},"unit":"percent"}}}}}}'
        ),
    ]
    assert stored("bmw-cardata", reading) == values


@pytest.mark.parametrize(
    ("car", "reading", "numbers", "ts", "values"),
    [
        (
            *(ODD, DRIVING, ("81.5", "95", "352.4", "-43.2", "24", "21", "65534580"), "1772359205123"),
            (MILLISECOND, (81.5, 95, 352.4, 43.2, 24, 21, 65534.58)),
        ),
        (
            *(EVEN, CHARGING, ("63.4", "null", "402.5", "15.25", "-3.5", "-20.3", "48212100")),
            '"2026-12-31T16:00:00.000Z"',
            (NEW_YEAR, (63.4, None, 402.5, -15.25, -3.5, -20.3, 48212.1)),
        ),
        (
            *(ODD, EXTREME, ("0", "100", "6000", "3000", "210", "-40", "999999900"), "1772359205000"),
            (SECOND, (0, 100, 6000, -3000, 210, -40, 999999.9)),
        ),
        (*(ODD, SPARSE, ("50", *["null"] * 6), "1772359205000"), (SECOND, (50, *[None] * 6))),
    ],
)
def test_vss(car, reading, numbers, ts, values):
    """Positive = into the battery, metres; times in milliseconds, or by RFC 3339 for even cars."""
    soc, soh, voltage, current, hottest, coldest, metres = numbers
    assert messages("vss", reading, car) == [
        (
            f'{{{BATTERY}StateOfCharge.Current":{soc},{BATTERY}StateOfHealth":{soh},'
            f'{BATTERY}CurrentVoltage":{voltage},{BATTERY}CurrentCurrent":{current},'
            f'{BATTERY}Temperature.Max":{hottest},{BATTERY}Temperature.Min":{coldest},'
            f'"Vehicle.TraveledDistance":{metres},"Vehicle.VehicleIdentification.VIN":"{car.vin}","ts":{ts}}}'
        )
    ]
    assert stored("vss", reading, car) == values


@pytest.mark.parametrize(
    ("reading", "time", "vehicle", "extreme", "values"),
    [
        (
            DRIVING,
            '"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5',
            (3, 655346, 3524, 10432, 82),
            (64, 61),
            (SECOND, (82, None, 352.4, 43.2, 24, 21, 65534.6)),
        ),
        (
            CHARGING,
            '"Year":27,"Month":1,"Day":1,"Hour":0,"Minute":0,"Second":0',
            (1, 482121, 4025, 9848, 63),
            (36, 20),
            (NEW_YEAR, (63, None, 402.5, -15.2, -4, -20, 48212.1)),
        ),
        # Beyond 1000 V and 1000 A of the edition of 2016: abnormal.
        (
            EXTREME,
            '"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5',
            (1, 9999999, 65534, 65534, 0),
            (250, 0),
            (SECOND, (0, None, None, None, 210, -40, 999999.9)),
        ),
        (
            SPARSE,
            '"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5',
            (3, 4294967295, 65535, 65535, 50),
            (255, 255),
            (SECOND, (50, *[None] * 6)),
        ),
        # A controller's codes for "invalid", which our readings hold as numbers.
        (
            SPARSE | {"soc": 255.0, "max_temp": 215.0, "pack_voltage": 6553.5},
            '"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5',
            (3, 4294967295, 65534, 65535, 254),
            (254, 255),
            (SECOND, (None,) * 7),
        ),
    ],
)
def test_gbt32960(reading, time, vehicle, extreme, values):
    """Raw integers with their offsets, the time of China, and the codes for abnormal and invalid."""
    charging, mileage, voltage, current, soc = vehicle
    assert messages("gbt32960-emqx", reading) == [
        (
            f'{{"Cmd":2,"Encrypt":1,"Vin":"SIM-000001","Data":{{"Time":{{{time}}},"Infos":[{{"Type":"Vehicle",'
            f'"Status":1,"Charging":{charging},"Mode":1,"Speed":0,"Mileage":{mileage},"Voltage":{voltage},'
            f'"Current":{current},"SOC":{soc}}},{{"Type":"Extreme","MaxTemp":{extreme[0]},'
            f'"MinTemp":{extreme[1]}}}]}}}}'
        )
    ]
    assert stored("gbt32960-emqx", reading) == values


@pytest.mark.parametrize(
    ("reading", "timestamp", "signals", "values"),
    [
        (
            *(DRIVING, "1772359205.123", ',"can.vehicle.battery.level":82,"can.vehicle.mileage":65534.58'),
            (MILLISECOND, (82, *[None] * 5, 65534.58)),
        ),
        (
            *(CHARGING, "1798732800", ',"can.vehicle.battery.level":63,"can.vehicle.mileage":48212.1'),
            (NEW_YEAR, (63, *[None] * 5, 48212.1)),
        ),
        (
            *(EXTREME, "1772359205", ',"can.vehicle.battery.level":0,"can.vehicle.mileage":999999.9'),
            (SECOND, (0, *[None] * 5, 999999.9)),
        ),
        (*(SPARSE, "1772359205", ',"can.vehicle.battery.level":50'), (SECOND, (50, *[None] * 6))),
        (*(EMPTY, "1772359205", ""), (SECOND, (None,) * 7)),
    ],
)
def test_flespi(reading, timestamp, signals, values):
    """A flat object; the tracker's battery and its supply are no signals of ours."""
    assert messages("flespi", reading) == [
        (
            f'{{"ident":"352000000000001","timestamp":{timestamp},"battery.voltage":4.1,'
            f'"external.powersource.voltage":12.6{signals}}}'
        )
    ]
    assert stored("flespi", reading) == values


@pytest.mark.parametrize(
    ("reading", "fixed", "served", "odometer", "values"),
    [
        (
            *(DRIVING, "2026-03-01T10:00:05.123", "2026-03-01T10:00:06.123", ',"odometer":65534580'),
            (MILLISECOND, (*[None] * 6, 65534.58)),
        ),
        (
            *(CHARGING, "2026-12-31T16:00:00.000", "2026-12-31T16:00:01.000", ',"odometer":48212100'),
            (NEW_YEAR, (*[None] * 6, 48212.1)),
        ),
        (
            *(EXTREME, "2026-03-01T10:00:05.000", "2026-03-01T10:00:06.000", ',"odometer":999999900'),
            (SECOND, (*[None] * 6, 999999.9)),
        ),
        (*(SPARSE, "2026-03-01T10:00:05.000", "2026-03-01T10:00:06.000", ""), (SECOND, (None,) * 7)),
    ],
)
def test_traccar(reading, fixed, served, odometer, values):
    """The odometer in metres; the server's time is a later one."""
    assert messages("traccar", reading, ODD) == [
        (
            f'{{"position":{{"fixTime":"{fixed}+00:00","deviceTime":"{fixed}+00:00","serverTime":"{served}+00:00",'
            f'"attributes":{{"power":12.6,"battery":4.1{odometer}}}}},"device":{{"id":1,"name":"SIM-000001",'
            '"uniqueId":"352000000000001"}}'
        )
    ]
    assert stored("traccar", reading, ODD) == values


@pytest.mark.parametrize(
    ("reading", "payload", "values"),
    [
        (
            DRIVING,
            (
                '{"utc":1772359205,"soc":81.5,"soh":95,"voltage":352.4,"current":43.2,"batt_temp":24,'
                '"odometer":65534.58,"power":15.224,"is_charging":false}'
            ),
            (SECOND, (81.5, 95, 352.4, 43.2, 24, None, 65534.58)),
        ),
        (
            CHARGING,
            (
                '{"utc":1798732800,"soc":63.4,"voltage":402.5,"current":-15.25,"batt_temp":-3.5,'
                '"odometer":48212.1,"power":-6.138,"is_charging":true}'
            ),
            (NEW_YEAR, (63.4, None, 402.5, -15.25, -3.5, None, 48212.1)),
        ),
        (
            EXTREME,
            (
                '{"utc":1772359205,"soc":0,"soh":100,"voltage":6000,"current":-3000,"batt_temp":210,'
                '"odometer":999999.9,"power":-18000,"is_charging":true}'
            ),
            (SECOND, (0, 100, 6000, -3000, 210, None, 999999.9)),
        ),
        (SPARSE, '{"utc":1772359205,"soc":50,"is_charging":false}', (SECOND, (50, *[None] * 6))),
    ],
)
def test_abrp(reading, payload, values):
    """Current positive = out of the battery; one temperature, the hottest."""
    assert messages("abrp", reading) == [payload]
    assert stored("abrp", reading) == values


@pytest.mark.parametrize("name", DIALECTS)
def test_the_receivers_vin_is_in_upper_case(name):
    """As every VIN that is stored."""
    assert DIALECTS[name].as_sent(DRIVING, EVEN).vin == "SIM-000002"
