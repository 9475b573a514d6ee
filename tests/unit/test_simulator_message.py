import json

from scripts.simulator.message import messages
from scripts.simulator.reading import DueReading


def due(second, vin, **signals):
    return DueReading(second, vin, {"vin": vin, "ts": f"t{second}", **signals})


READINGS = [due(second, vin) for second in range(5) for vin in ("VIN-A", "VIN-B")]


def test_a_reading_alone_is_an_object():
    """One per message travels as it is, when it is due, on its vehicle's topic."""
    sent = list(messages(READINGS, 1))
    assert len(sent) == 10
    assert sent[3].topic == "vehicles/VIN-B/telemetry"
    assert json.loads(sent[3].payload) == {"vin": "VIN-B", "ts": "t1"}
    assert [message.due_s for message in sent] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_arrays_hold_one_vehicle_each_and_lose_nothing():
    """Arrays of two leave with their second reading; what is left leaves at the end."""
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
