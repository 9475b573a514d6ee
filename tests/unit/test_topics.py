"""The topic grammar."""

import re

import pytest

from shared.wire.topics import (
    InvalidTopicError,
    parse_topic,
    receipts_topic,
    status_topic,
    telemetry_topic,
    topic_filters,
)

FILTERS = ["vehicles/+/telemetry", "vehicles/+/telemetry/confirm", "vehicles/+/status"]


@pytest.mark.parametrize("vin", ["ABCDE", "A" * 40, "VIN-DEMO-001", "12345", "-----"])
def test_what_is_built_is_understood(vin):
    """The topics of a vehicle are parsed as that vehicle's, with or without receipts."""
    assert parse_topic(telemetry_topic(vin)) == (vin, None, False)
    assert parse_topic(telemetry_topic(vin, confirm=True)) == (vin, receipts_topic(vin), False)
    assert parse_topic(status_topic(vin)) == (vin, None, True)


def test_a_vin_in_lower_case():
    """A topic in lower case names the vehicle in upper case, and is answered as the vehicle spells it."""
    assert parse_topic("vehicles/vin-demo-001/telemetry").vin == "VIN-DEMO-001"
    asked = parse_topic("vehicles/vin-demo-001/telemetry/confirm")
    assert asked == ("VIN-DEMO-001", "vehicles/vin-demo-001/receipts", False)
    assert parse_topic("vehicles/vin-demo-001/status").vin == "VIN-DEMO-001"


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
        "vehicles/VIN-00001/confirm",
        "vehicles/VIN-00001/telemetry/confirm/",
        "vehicles/VIN-00001/telemetry/confirm/x",
        "vehicles/VIN/telemetry/confirm",
        "vehicles/VIN-00001/telemetryconfirm",
        "vehicles/VIN-00001/telemetry\n",
        "/vehicles/VIN-00001/telemetry",
        "a/vehicles/VIN-00001/telemetry",
        "Vehicles/VIN-00001/telemetry",
        "vehicles/VIN-00001/Telemetry",
        "vehicles/VIN-00001/Status",
        "vehicles/VIN-00001/status/",
        "vehicles/VIN-00001/status/confirm",
        "vehicles/VIN/status",
        "vehicles/VIN-00001/telemetrystatus",
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
        parse_topic(topic)


def test_the_reason_does_not_repeat_the_topic():
    """A topic may be anything, and is not repeated."""
    with pytest.raises(InvalidTopicError) as refused:
        parse_topic("vehicles/hunter2 /telemetry")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (None, FILTERS),
        ("", FILTERS),
        ("ingest", [f"$share/ingest/{wanted}" for wanted in FILTERS]),
    ],
)
def test_the_filters(group, expected):
    """Alone, a worker receives every vehicle's messages; in a group, its share of them."""
    assert topic_filters(group) == expected


@pytest.mark.parametrize(
    "topic",
    [telemetry_topic("VIN-00001"), telemetry_topic("VIN-00001", confirm=True), status_topic("VIN-00001")],
)
def test_one_filter_covers_a_topic(topic):
    """Each topic of a vehicle matches exactly one of the worker's filters."""
    patterns = [re.escape(wanted).replace(r"\+", "[^/]+") for wanted in topic_filters(None)]
    assert sum(re.fullmatch(pattern, topic) is not None for pattern in patterns) == 1
