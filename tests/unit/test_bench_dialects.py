"""Loads of the benchmark of dialects: the messages are those that the worker reads, and hold these values."""

import pytest

from scripts.bench import packets
from scripts.bench.dialect_load import dialect_load, fleets, mapping_text, native_load
from scripts.simulator.dialects.registry import DIALECTS
from shared.wire.decoder import decode
from shared.wire.reading import SIGNALS
from tests.mapped import LATEST, decoded, mapping, moment

NAMES = ["gbt32960-emqx", "bmw-cardata", "ovms"]


def messages(load):
    """Return topic and payload of each publication."""
    for kind, body in packets.Reader().feed(b"".join(load.publications)):
        assert kind == packets.PUBLISH
        end = 2 + int.from_bytes(body[:2], "big")
        yield body[2:end].decode(), body[end + 2 :]


@pytest.mark.parametrize("name", NAMES)
def test_messages_hold_the_values_that_are_awaited(name):
    """Each message gives at least one of them, and all together give all."""
    encoder = DIALECTS[name]
    cars = fleets([encoder], 3)
    load = dialect_load(encoder, cars[encoder], 42)
    sources = mapping(mapping_text(cars))
    values, newest = 0, {}
    for topic, payload in messages(load):
        mapped = decoded(sources, topic, payload)
        assert mapped.rejections == []
        found = [(row.vin, row[-len(SIGNALS) :]) for row in mapped.rows]
        found += [(one.vin, one.signals) for one in mapped.values]
        assert found
        for vin, signals in found:
            known = {key: value for key, value in zip(SIGNALS, signals, strict=True) if value is not None}
            values += len(known)
            newest[vin] = newest.get(vin, {}) | known
    assert values == load.values
    assert load.last == {vin: tuple(known.get(key) for key in SIGNALS) for vin, known in newest.items()}


def test_dialects_share_no_vehicle_and_no_time():
    """A later part of a load repeats nothing of an earlier one; two dialects never have one VIN."""
    cars = fleets([DIALECTS[name] for name in NAMES], 3)
    assert len({car.vin for own in cars.values() for car in own}) == 9
    encoder = DIALECTS["gbt32960-emqx"]
    first = dialect_load(encoder, cars[encoder], 10)
    later = dialect_load(encoder, cars[encoder], 10, first=10)
    taken = [set(messages(load)) for load in (first, later)]
    assert not taken[0] & taken[1]
    assert all(len(one) == 10 for one in taken)


def test_native_readings_are_awaited_in_the_same_way():
    """The reference is measured like the dialects."""
    load = native_load(10, vehicles=3)
    rows = [
        decode(topic.encode(), payload, received_at=moment("10:00:00"), latest=LATEST).rows[0]
        for topic, payload in messages(load)
    ]
    assert load.values == len(rows) * len(SIGNALS)
    assert load.last == {row.vin: row[-len(SIGNALS) :] for row in rows}
