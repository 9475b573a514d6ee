import json
from datetime import UTC, datetime

import pytest

from scripts.simulator.message import messages
from scripts.simulator.reading import DueReading


def due(second, vin, **signals):
    return DueReading(second, vin, {"vin": vin, "ts": f"t{second}", **signals})


READINGS = [due(second, vin) for second in range(5) for vin in ("VIN-A", "VIN-B")]


def test_a_reading_alone_is_an_object():
    """With one per message a reading is sent as it is, when it is due, on its vehicle's topic."""
    sent = list(messages(READINGS, 1))
    assert len(sent) == 10
    assert sent[3].topic == "vehicles/VIN-B/telemetry"
    assert json.loads(sent[3].payload) == {"vin": "VIN-B", "ts": "t1"}
    assert [message.due_s for message in sent] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_arrays_hold_one_vehicle_each_and_lose_nothing():
    """Arrays of two leave with their second reading; the rest leaves at the end."""
    sent = list(messages(READINGS, 2))
    assert [(message.due_s, message.readings) for message in sent] == [(1, 2)] * 2 + [(3, 2)] * 2 + [
        (4, 1)
    ] * 2
    for vin in ("VIN-A", "VIN-B"):
        own = [json.loads(message.payload) for message in sent if vin in message.topic]
        assert [reading["ts"] for array in own for reading in array] == ["t0", "t1", "t2", "t3", "t4"]


def test_arrays_stay_under_a_mebibyte():
    """Long readings make shorter arrays, not payloads that the server refuses."""
    readings = [due(second, "VIN-A", note="x" * 1000) for second in range(2500)]
    sent = list(messages(readings, 10_000))
    assert sum(message.readings for message in sent) == 2500
    assert all(len(message.payload) <= 1024 * 1024 for message in sent)
    assert len(sent) == 3


@pytest.mark.parametrize("per_message", [1, 2])
def test_a_receipt_is_asked_for_by_the_topic_only(per_message):
    """With confirm the same payloads go to the confirm topic."""
    plain, asking = (list(messages(READINGS, per_message, confirm=confirm)) for confirm in (False, True))
    assert {message.topic for message in asking} == {
        "vehicles/VIN-A/telemetry/confirm",
        "vehicles/VIN-B/telemetry/confirm",
    }
    assert [message.payload for message in asking] == [message.payload for message in plain]


def test_keys_are_the_same_however_vehicle_and_time_are_spelled():
    """A message knows its readings by VIN in upper case and moment, in the order of its payload."""
    readings = [
        DueReading(0, "vin-0a", {"vin": "vin-0a", "ts": "2026-01-24T13:00:00.1234567+01:00"}),
        DueReading(0, "vin-0a", {"vin": "vin-0a", "ts": "2026-01-24T11:59:59Z"}),
    ]
    keys = [
        ("VIN-0A", datetime(2026, 1, 24, 12, 0, 0, 123456, UTC)),
        ("VIN-0A", datetime(2026, 1, 24, 11, 59, 59, tzinfo=UTC)),
    ]
    [array] = messages(readings, 2)
    assert array.keys() == keys
    assert [message.keys() for message in messages(readings, 1)] == [[key] for key in keys]
