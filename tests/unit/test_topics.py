"""The topic grammar."""

import re

import pytest

from shared.topics import InvalidTopicError, telemetry_filter, telemetry_topic, telemetry_vin


@pytest.mark.parametrize("vin", ["ABCDE", "A" * 40, "VIN-DEMO-001", "12345", "-----"])
def test_what_is_built_is_understood(vin):
    """The topic that a vehicle publishes on names that vehicle."""
    assert telemetry_vin(telemetry_topic(vin)) == vin


def test_a_vin_in_lower_case():
    """A topic in lower case names the vehicle in upper case."""
    assert telemetry_vin("vehicles/vin-demo-001/telemetry") == "VIN-DEMO-001"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "vehicles",
        "vehicles/VIN-00001",
        "vehicles/VIN-00001/",
        "vehicles//telemetry",
        "vehicles/VIN/telemetry",
        "vehicles/" + "A" * 41 + "/telemetry",
        "vehicles/VIN-00001/telemetry/",
        "vehicles/VIN-00001/telemetry/confirm",
        "vehicles/VIN-00001/telemetry\n",
        "/vehicles/VIN-00001/telemetry",
        "a/vehicles/VIN-00001/telemetry",
        "Vehicles/VIN-00001/telemetry",
        "vehicles/VIN-00001/Telemetry",
        "vehicles/VIN-00001/status",
        "vehicles/VIN-00001/receipts",
        "vehicles/VIN-00001/x/telemetry",
        "vehicles/VIN 00001/telemetry",
        "vehicles/VIN_00001/telemetry",
        "vehicles/VIN-00001\n/telemetry",
        "vehicles/v\u0131n-00001/telemetry",
        "vehicles/\u212aIN-00001/telemetry",
        "vehicles/VIN-0000\u0661/telemetry",
        "vehicles/+/telemetry",
        "vehicles/#",
        "$SYS/broker/uptime",
        "$share/group/vehicles/VIN-00001/telemetry",
    ],
)
def test_other_topics_name_no_vehicle(topic):
    """Too short, too deep, of another case or with a VIN that is none: refused."""
    with pytest.raises(InvalidTopicError):
        telemetry_vin(topic)


def test_the_reason_does_not_repeat_the_topic():
    """A topic may be anything: it is not echoed."""
    with pytest.raises(InvalidTopicError) as refused:
        telemetry_vin("vehicles/hunter2 /telemetry")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (None, "vehicles/+/telemetry"),
        ("", "vehicles/+/telemetry"),
        ("ingest", "$share/ingest/vehicles/+/telemetry"),
    ],
)
def test_the_filter(group, expected):
    """Alone, a worker hears every vehicle; in a group, its share of them."""
    assert telemetry_filter(group) == expected


def test_the_filter_covers_the_topic():
    """What a vehicle publishes on is what the worker subscribes to."""
    pattern = re.escape(telemetry_filter(None)).replace(r"\+", "[^/]+")
    assert re.fullmatch(pattern, telemetry_topic("VIN-00001"))
