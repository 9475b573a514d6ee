"""The acceptance examples of the mapping: recorded messages in, exact rows out."""

from tests.mapped import mapping, moment, outcome, signals


def lone(found):
    """Return the only rejection as (reason, detail)."""
    assert found.rows == []
    (rejection,) = found.rejections
    return rejection.reason.value, rejection.detail


OVMS = mapping("""
[[source]]
dialect = "ovms"
prefix = "ovms/me"
vehicles = { DEMO1 = "XX1OVMS0000000001" }
""")


def metric(clock, name, payload, module="DEMO1"):
    return clock, f"ovms/me/{module}/metric/{name}", payload


def test_1_ovms():
    """A burst becomes one row; a signal twice in one read becomes two rows, a microsecond apart."""
    found = outcome(
        OVMS,
        metric("10:00:00.100000", "v/b/soc", "81.5"),
        metric("10:00:00.100000", "v/b/soh", "95"),
        metric("10:00:00.100000", "v/b/voltage", "352.4"),
        metric("10:00:00.100000", "v/b/current", "43.2"),
        metric("10:00:00.131000", "v/b/p/temp/max", "24"),
        metric("10:00:00.131000", "v/b/p/temp/min", "21"),
        metric("10:00:00.131000", "v/p/odometer", "123457"),
        metric("10:00:05.090000", "v/b/current", "-20.25"),
        metric("10:00:05.090000", "v/b/current", "-21"),
        metric("10:07:00.000000", "v/b/soc", ""),
    )
    vin = "XX1OVMS0000000001"
    assert found.rows == [
        (vin, moment("10:00:00.100000"), (81.5, 95, 352.4, 43.2, 24, 21, 123457)),
        (vin, moment("10:00:05.090000"), signals(pack_current=-20.25)),
        (vin, moment("10:00:05.090001"), signals(pack_current=-21)),
    ]
    assert found.rejections == []


def test_1_ovms_refuses():
    """A module that is not in the table, and a text for a number; "nan" is no signal."""
    reason, detail = lone(outcome(OVMS, metric("10:00:00", "v/b/soc", "50", module="OTHER")))
    assert (reason, detail) == ("unknown_vehicle", '"OTHER" is not among the vehicles of source ovms')
    reason, detail = lone(outcome(OVMS, metric("10:00:00", "v/b/soc", "full")))
    assert (reason, detail) == ("bad_value", 'soc (v/b/soc): "full" is not a number')
    assert outcome(OVMS, metric("10:00:00", "v/b/soc", "nan")) == ([], [], [])
    assert outcome(OVMS, metric("10:00:00", "v/b/soc", "nan", module="OTHER")) == ([], [], [])


def test_2_teslamate():
    """Two values of one burst are one row; a cleared topic is none."""
    sources = mapping('[[source]]\ndialect = "teslamate"\nvehicles = { 1 = "5YJXXXXXXXXXXXXX1" }')
    assert sources.filters == ("teslamate/cars/+/battery_level", "teslamate/cars/+/odometer")
    assert sources.match(b"teslamate/cars/1/charger_voltage") is None
    found = outcome(
        sources,
        ("11:00:00.000000", "teslamate/cars/1/battery_level", "88"),
        ("11:00:00.004000", "teslamate/cars/1/odometer", "65534.58"),
        ("11:00:03.000000", "teslamate/cars/1/battery_level", ""),
    )
    row = ("5YJXXXXXXXXXXXXX1", moment("11:00:00"), signals(soc=88, odo_km=65534.58))
    assert found == ([row], [], [])


def test_3_tesla_fleet_telemetry():
    """The current's sign is turned round, miles become kilometres, null is no signal."""
    sources = mapping('[[source]]\ndialect = "tesla-fleet-telemetry"')
    burst = [
        ("PackCurrent", "-85.3"),
        ("Odometer", '"40721.3"'),
        ("Soc", "71.2"),
        ("PackVoltage", "352.1"),
        ("ModuleTempMin", "null"),
        ("ModuleTempMax", "31.5"),
    ]
    vin = "5YJXXXXXXXXXXXXX2"
    found = outcome(
        sources,
        *(("12:00:00.200000", f"telemetry/{vin}/v/{field}", payload) for field, payload in burst),
        ("12:00:00.700000", f"telemetry/{vin}/v/PackCurrent", "12.0"),
    )
    assert found.rows == [
        (vin, moment("12:00:00.200000"), (71.2, None, 352.1, 85.3, 31.5, None, 65534.58)),
        (vin, moment("12:00:00.700000"), signals(pack_current=-12.0)),
    ]


def test_4_saic():
    """Two calls of one poll, more than a second apart, are one row."""
    sources = mapping('[[source]]\ndialect = "saic"\nprefix = "saic/me@x_com"')
    topic = "saic/me@x_com/vehicles/LSJXXXXXXXXXXXXX3/drivetrain/"
    assert sources.match(f"{topic}power".encode()) is None
    found = outcome(
        sources,
        ("13:00:00.000000", f"{topic}mileage", "12345.6"),
        ("13:00:00.010000", f"{topic}soc", "63.4"),
        ("13:00:01.200000", f"{topic}current", "-15.25"),
        ("13:00:01.200000", f"{topic}voltage", "402.5"),
    )
    values = signals(soc=63.4, pack_voltage=402.5, pack_current=-15.25, odo_km=12345.6)
    assert found.rows == [("LSJXXXXXXXXXXXXX3", moment("13:00:00"), values)]


def test_5_wican():
    """A sign for one device, numbered temperatures, miles; an impossible current refuses the message."""
    sources = mapping("""
        [[source]]
        dialect = "wican"
        vehicles = { aabbccddeeff = "KMHXXXXXXXXXXXXX4" }
        device = { aabbccddeeff = { pack_current = { sign = -1 } } }
    """)
    topic = "wican/aabbccddeeff/can/rx"
    payload = (
        '{"SOC":81.5,"SOH":97,"HV_V":355.2,"HV_A":12.4,"HV_T_1":26,"HV_T_2":28,'
        '"ODOMETER_MI":29957.6,"CHARGING":"on"}'
    )
    frame = '{"bus":"0","type":"rx","ts":34610,"frame":[{"id":2024,"dlc":8,"data":[3,65]}]}'
    found = outcome(sources, ("14:00:00.500000", topic, payload), ("14:00:06.000000", topic, frame))
    row = (
        "KMHXXXXXXXXXXXXX4",
        moment("14:00:00.500000"),
        (81.5, 97, 355.2, -12.4, 28, 26, 48212.084),
    )
    assert found == ([row], [], [])
    reason, detail = lone(outcome(sources, ("14:00:05.500000", topic, '{"SOC":81.5,"HV_A":6541.2}')))
    assert (reason, detail) == ("bad_reading", "pack_current: should be greater than or equal to -3000")


CARDATA = (
    '{"vin":"WBAXXXXXXXXXXXXX5","entityId":"e","topic":"WBAXXXXXXXXXXXXX5",'
    '"timestamp":"2026-03-01T10:00:02.104Z","data":{'
    '"vehicle.drivetrain.batteryManagement.header":'
    '{"timestamp":"2026-03-01T10:00:00Z","value":69,"unit":"percent"},'
    '"vehicle.vehicle.travelledDistance":'
    '{"timestamp":"2026-03-01T09:58:00Z","value":"12345","unit":"km"}}}'
)


def test_6_bmw_cardata():
    """Values of one document become rows by their own times."""
    sources = mapping('[[source]]\ndialect = "bmw-cardata"')
    vin = "WBAXXXXXXXXXXXXX5"
    health = (
        '{"vin":"WBAXXXXXXXXXXXXX5","data":{"vehicle.powertrain.electric.battery.stateOfHealth.displayed":'
        '{"timestamp":"2026-03-01T10:00:00Z","value":96,"unit":"percent"}}}'
    )
    found = outcome(sources, ("10:00:03", f"bmw/raw/{vin}", CARDATA), ("10:00:04", f"bmw/raw/{vin}", health))
    assert found.rows == [
        (vin, moment("09:58:00"), signals(odo_km=12345)),
        (vin, moment("10:00:00"), signals(soc=69)),
        (vin, moment("10:00:00"), signals(soh=96)),
    ]
    invalid = CARDATA.replace("69", '"INVALID"').replace('"12345"', '"-NA-"')
    assert outcome(sources, ("10:00:03", f"bmw/raw/{vin}", invalid)) == ([], [], [])


GBT = (
    '{"Cmd":2,"Encrypt":1,"Vin":"LXXXXXXXXXXXXXXX6","Data":{'
    '"Time":{"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5},"Infos":['
    '{"Type":"Vehicle","Mileage":999999,"Voltage":3524,"Current":10432,"SOC":50,"Charging":3},'
    '{"Type":"Extreme","MaxTemp":64,"MinTemp":61}]}}'
)


def test_7_gbt32960():
    """Raw integers become exact numbers, local time becomes UTC; codes for "invalid" are no signal."""
    sources = mapping('[[source]]\ndialect = "gbt32960-emqx"')
    vin = "LXXXXXXXXXXXXXXX6"
    topic = f"gbt32960/{vin}/upstream/info"
    row = (vin, moment("10:00:05"), (50, None, 352.4, 43.2, 24, 21, 99999.9))
    found = outcome(sources, ("10:00:06", topic, GBT), ("10:00:07", f"gbt32960/{vin}/upstream/reinfo", GBT))
    assert found == ([row, row], [], [])
    found = outcome(sources, ("10:00:06", topic, GBT.replace("10432", "65535")))
    assert found.rows == [(vin, moment("10:00:05"), (50, None, 352.4, None, 24, 21, 99999.9))]
    empty = '{"Vin":"LXXXXXXXXXXXXXXX6","Data":{"Time":{"Year":26},"Infos":[]}}'
    assert outcome(sources, ("10:00:06", topic, empty)) == ([], [], [])
    other = GBT.replace("XXX6", "XXX7")
    assert lone(outcome(sources, ("10:00:06", topic, other)))[0] == "vin_mismatch"


def test_8_flespi():
    """Each element of an array is a reading; a listed invalid value is no signal."""
    sources = mapping("""
        [[source]]
        dialect = "flespi"
        vehicles = { 352000000000001 = "WF0XXXXXXXXXXXXX7" }
        signals = { soc = { invalid = [0] } }
    """)
    payload = (
        '[{"ident":"352000000000001","timestamp":1772359205.5,'
        '"can.vehicle.battery.level":63,"can.vehicle.mileage":48210.4},'
        ' {"ident":"352000000000001","timestamp":1772359265,'
        '"can.vehicle.battery.level":0,"can.vehicle.mileage":48211,"battery.voltage":4.1}]'
    )
    found = outcome(sources, ("10:02:00", "flespi/message/gw/devices/12345", payload))
    assert found.rows == [
        ("WF0XXXXXXXXXXXXX7", moment("10:00:05.500000"), signals(soc=63, odo_km=48210.4)),
        ("WF0XXXXXXXXXXXXX7", moment("10:01:05"), signals(odo_km=48211)),
    ]


def test_9_carconnectivity():
    """Each value has its own time and unit."""
    sources = mapping('[[source]]\ndialect = "carconnectivity"')
    topic = "carconnectivity/0/garage/WVWXXXXXXXXXXXXX8/drives/primary/"
    level = '{"val":63.0,"upd":"2026-03-01 10:00:00+00:00","uni":"%"}'
    warmth = '{"val":75.2,"upd":"2026-03-01 10:00:00+00:00","uni":"F"}'
    found = outcome(
        sources,
        ("10:00:00", f"{topic}level_json", level),
        ("10:00:00", f"{topic}battery/temperature_max_json", warmth),
    )
    assert found.rows == [
        ("WVWXXXXXXXXXXXXX8", moment("10:00:00"), signals(soc=63)),
        ("WVWXXXXXXXXXXXXX8", moment("10:00:00"), signals(max_temp=24)),
    ]


def test_10_vss():
    """VSS 6: metres, milliseconds, and a current that is positive into the battery."""
    sources = mapping('[[source]]\ndialect = "vss"\nvehicles = { XX1 = "XX1VSS00000000010" }')
    payload = (
        '{"Vehicle.Powertrain.TractionBattery.CurrentCurrent":-43.2,'
        '"Vehicle.Powertrain.TractionBattery.CurrentVoltage":352.4,'
        '"Vehicle.TraveledDistance":48210400,"ts":1772359205123}'
    )
    found = outcome(sources, ("10:00:06", "vss/XX1", payload))
    values = signals(pack_voltage=352.4, pack_current=43.2, odo_km=48210.4)
    assert found.rows == [("XX1VSS00000000010", moment("10:00:05.123000"), values)]
