"""A run in a dialect: the messages of each reading, their order, and the mapping file."""

import tomllib
from itertools import count

import pytest

from scripts import simulate
from scripts.simulator.dialects.burst import bursts
from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.dialects.sources_file import UnwritableFileError, sources_toml, write
from scripts.simulator.reading import DueReading
from tests.dialects import CHARGING, DRIVING, EVEN, ODD

CARS = {ODD.vin: ODD, EVEN.vin: EVEN}
DUE = [
    DueReading(second, vin, DRIVING | {"ts": f"2026-03-01T10:00:0{second}Z"})
    for second in range(5)
    for vin in CARS
]


def run(name, seed=7):
    return list(bursts(DUE, DIALECTS[name], CARS, seed=seed))


@pytest.mark.parametrize("name", DIALECTS)
def test_the_messages_of_a_reading_leave_together(name):
    """One burst after the other, each complete; its last message carries the reading's time."""
    encoder = DIALECTS[name]
    left, numbers = run(name), count()
    for due_s, vin, reading in DUE:
        expected = [
            encoder.numbered(message, next(numbers)) for message in encoder.encode(reading, CARS[vin])
        ]
        burst, left = left[: len(expected)], left[len(expected) :]
        assert sorted((m.topic, m.payload, m.qos, m.retain) for m in burst) == sorted(expected)
        assert {(message.due_s, message.vin) for message in burst} == {(due_s, vin)}
        assert [message.times for message in burst] == [()] * (len(expected) - 1) + [(reading["ts"],)]
    assert left == []


@pytest.mark.parametrize("name", DIALECTS)
def test_only_a_dialect_without_order_is_shuffled(name):
    """The same seed gives the same order, and several orders occur."""
    keys = [message.topic.rpartition("/")[2] for message in run(name) if message.vin == ODD.vin]
    length = len(keys) // 5
    orders = {tuple(keys[start : start + length]) for start in range(0, len(keys), length)}
    assert (len(orders) > 1) == DIALECTS[name].is_unordered
    assert run(name) == run(name)
    assert (run(name) == run(name, seed=8)) == (not DIALECTS[name].is_unordered)


def test_a_reading_without_a_message_is_left_out():
    """A reading that the dialect has nothing of does not count as published."""
    empty = [DueReading(0.0, ODD.vin, {"vin": ODD.vin, "ts": "2026-03-01T10:00:00Z", "soh": 95.0})]
    assert list(bursts(empty, DIALECTS["saic"], CARS, seed=7)) == []


def test_the_mapping_names_each_vehicle_that_is_not_its_vin():
    """A table of the dialect's names, as a worker reads it."""
    assert sources_toml(DIALECTS["ovms"], [ODD, EVEN]) == (
        '[[source]]\ndialect = "ovms"\nprefix = "ovms/demo"\n\n'
        '[source.vehicles]\nDEMO1 = "SIM-000001"\nDEMO2 = "sim-000002"\n'
    )
    assert sources_toml(DIALECTS["saic"], [ODD, EVEN]) == (
        '[[source]]\ndialect = "saic"\nprefix = "saic/demo"\n'
    )


def test_the_mapping_names_devices_with_the_other_sign():
    """Of WiCAN's two profiles one has positive = charge."""
    assert tomllib.loads(sources_toml(DIALECTS["wican"], [ODD, EVEN])) == {
        "source": [
            {
                "dialect": "wican",
                "prefix": "wican",
                "vehicles": {"02534d000001": "SIM-000001", "02534d000002": "sim-000002"},
                "device": {"02534d000001": {"pack_current": {"sign": -1}}},
            }
        ]
    }


IDS = {
    "teslamate": "1",
    "openwb": "1",
    "evcc": "1",
    "flespi": "352000000000001",
    "traccar": "352000000000001",
    "abrp": "demo-1",
    "sparkplug": "car-1",
    "ovms": "DEMO1",
    "wican": "02534d000001",
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_mapping_is_toml(name):
    """One source with its dialect and prefix, and a table where a name is no VIN."""
    [source] = tomllib.loads(sources_toml(DIALECTS[name], [ODD]))["source"]
    assert source["dialect"] == name
    assert source["prefix"] == DIALECTS[name].prefix
    assert source.get("vehicles") == ({IDS[name]: ODD.vin} if name in IDS else None)


@pytest.mark.parametrize("name", DIALECTS)
def test_vehicles_have_different_names(name):
    """Also the last of the largest fleet."""
    cars = [Car(number, f"SIM-{number:06}") for number in (1, 2, 10, 99_999, 100_000)]
    assert len({DIALECTS[name].vehicle_id(car) for car in cars}) == len(cars)


def test_a_mapping_file_that_cannot_be_written(tmp_path):
    """The sentence names the option, the file and the reason."""
    with pytest.raises(UnwritableFileError, match=r"^--mapping .*missing/sources.toml: No such file"):
        write(tmp_path / "missing" / "sources.toml", "")


def test_an_unwritable_mapping_ends_the_command(tmp_path, monkeypatch, capsys):
    """Before the broker is looked for: status 2 and one line."""
    monkeypatch.chdir(tmp_path)
    assert simulate.main(["--dialect", "vss", "--mapping", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"--mapping {tmp_path}: Is a directory\n"


class Info:
    """A stand-in for paho's record of a publication."""

    mid = 1

    def __init__(self, *states):
        self.states = list(states)

    def is_published(self):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return state


def publisher_of(monkeypatch, infos):
    publisher = simulate.Publisher(simulate.BrokerSettings(), window=3)
    monkeypatch.setattr(publisher._session, "publish", lambda *_arguments, **_flags: infos.pop(0))
    return publisher


def test_a_message_of_qos_0_counts_once_it_is_sent(monkeypatch):
    """Until then it takes a place of the window; without a connection it is lost."""
    publisher = publisher_of(
        monkeypatch, [Info(True), Info(False, True), Info(RuntimeError("The client is not connected."))]
    )
    for message in bursts(DUE[:3], DIALECTS["wican"], CARS, seed=7):
        publisher.publish(message)
    assert publisher.full
    publisher.collect()
    assert (publisher.published, publisher.acknowledged, publisher.lost) == (3, 1, 0)
    publisher.wait_for_acks(1.0, lambda: None)
    assert (publisher.acknowledged, publisher.lost, publisher.unanswered) == (2, 1, 1)
    assert not publisher.full


def test_lost_messages_are_a_failure(monkeypatch, capsys):
    """Also where the reading's last message was sent."""
    lost, kept = Info(RuntimeError("The client is not connected.")), Info(True)
    publisher = publisher_of(monkeypatch, [lost, *[kept] * 7])
    due = [DueReading(0.0, ODD.vin, CHARGING | {"soh": 95.0})]
    messages = list(bursts(due, DIALECTS["ovms"], CARS, seed=7))
    assert simulate.run(messages, 1, publisher, simulate.Stop()) == 1
    captured = capsys.readouterr()
    assert "1 readings published in 8 messages, 1 acknowledged" in captured.out
    assert captured.err == "1 messages of QoS 0 were lost: no connection\n"
