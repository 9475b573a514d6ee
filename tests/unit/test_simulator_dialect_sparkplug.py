"""The encoder of Sparkplug B, against bytes computed by hand from the public field numbers."""

from datetime import UTC, datetime

import pytest

from scripts.simulator.dialects.burst import bursts
from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.dialects.sources_file import sources_toml
from scripts.simulator.reading import DueReading
from shared.sources.sparkplug_decoder import SparkplugDecoder
from tests.dialects import CHARGING, DRIVING, EMPTY, EVEN, EXTREME, ODD, SPARSE, sent
from tests.mapped import LATEST, mapping, moment

ENCODER = DIALECTS["sparkplug"]
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
TS = "83 82 dd c6 ca 33"  # 1772359205123
NEW_YEAR = "80 c0 d1 e6 ac 34"  # 1798732800000
BORN = "80 da dc c6 ca 33"  # 1772359200000
SOC = "42 61 74 74 65 72 79 2f 53 6f 43"  # Battery/SoC
CURRENT = "42 61 74 74 65 72 79 2f 43 75 72 72 65 6e 74"  # Battery/Current


def bytes_of(car, reading):
    (message,) = ENCODER.encode(reading, car)
    return message.payload


def test_a_car_with_aliases():
    """Even cars: floats of 32 bits, tenths of A, °C and metres as whole numbers, no names or datatypes."""
    assert bytes_of(EVEN, DRIVING) == bytes.fromhex(
        f"08 {TS}"
        f"12 0e 10 14 18 {TS} 65 00 00 a3 42"  # 81.5
        f"12 0e 10 15 18 {TS} 65 00 00 be 42"  # 95
        f"12 0e 10 16 18 {TS} 65 33 33 b0 43"  # 352.4
        f"12 0c 10 17 18 {TS} 50 b0 03"  # 432
        f"12 0b 10 18 18 {TS} 50 18"  # 24
        f"12 0b 10 19 18 {TS} 50 15"  # 21
        f"12 0e 10 1a 18 {TS} 50 f4 f4 9f 1f"  # 65534580
    )


def test_negative_numbers_and_null():
    """Two's complement of 32 bits for the current, of 16 for temperatures; soh is null."""
    assert bytes_of(EVEN, CHARGING) == bytes.fromhex(
        f"08 {NEW_YEAR}"
        f"12 0e 10 14 18 {NEW_YEAR} 65 9a 99 7d 42"  # 63.4
        f"12 0b 10 15 18 {NEW_YEAR} 38 01"
        f"12 0e 10 16 18 {NEW_YEAR} 65 00 40 c9 43"  # 402.5
        f"12 0f 10 17 18 {NEW_YEAR} 50 e8 fe ff ff 0f"  # -152 + 2^32
        f"12 0d 10 18 18 {NEW_YEAR} 50 fc ff 03"  # -4 + 2^16
        f"12 0d 10 19 18 {NEW_YEAR} 50 ec ff 03"  # -20 + 2^16
        f"12 0e 10 1a 18 {NEW_YEAR} 50 84 d1 fe 16"  # 48212100
    )


def test_a_car_with_names():
    """Odd cars: names and doubles."""
    found = bytes_of(ODD, DRIVING)
    assert found.startswith(bytes.fromhex(f"08 {TS} 12 1d 0a 0b {SOC} 18 {TS} 69 00 00 00 00 00 60 54 40"))
    assert bytes.fromhex(f"12 21 0a 0f {CURRENT} 18 {TS} 69 9a 99 99 99 99 99 45 40") in found
    assert b"\x20" + b"\x0a" not in found


def test_the_births():
    """The edge node's, then those of the cars with names, aliases and datatypes, numbered from 0."""
    opening = ENCODER.opening([ODD, EVEN], NOW)
    assert [(birth.topic, birth.qos, birth.retain) for birth in opening.births] == [
        ("spBv1.0/demo/NBIRTH/simulator", 0, False),
        ("spBv1.0/demo/DBIRTH/simulator/car-1", 0, False),
        ("spBv1.0/demo/DBIRTH/simulator/car-2", 0, False),
    ]
    edge, odd, even = (birth.payload for birth in opening.births)
    assert edge == bytes.fromhex(
        f"08 {BORN} 12 12 0a 05 62 64 53 65 71 18 {BORN} 20 04 58 00"  # bdSeq, Int64, 0
        f"12 21 0a 14 4e6f646520436f6e74726f6c2f52656269727468 18 {BORN} 20 0b 70 00"
        "18 00"
    )
    assert odd.startswith(bytes.fromhex(f"08 {BORN} 12 18 0a 0b {SOC} 18 {BORN} 20 0a 38 01"))
    assert odd.endswith(b"\x18\x01")
    assert bytes.fromhex(f"12 1e 0a 0f {CURRENT} 10 17 18 {BORN} 20 03 38 01") in even
    assert even.endswith(b"\x18\x02")
    assert opening.commands == "spBv1.0/demo/NCMD/simulator"
    assert opening.rebirth == b"Node Control/Rebirth"


def test_the_death():
    """The last will of the edge node: bdSeq only, without a number."""
    death = ENCODER.opening([ODD], NOW).death
    assert (death.topic, death.qos, death.retain) == ("spBv1.0/demo/NDEATH/simulator", 1, False)
    assert death.payload == bytes.fromhex(f"08 {BORN} 12 12 0a 05 62 64 53 65 71 18 {BORN} 20 04 58 00")


def test_no_alias_is_given_twice():
    """No two metrics of an edge node have the same."""
    opening = ENCODER.opening([EVEN._replace(number=2 * n) for n in range(1, 20)], NOW)
    decoder, sources = _receiver([EVEN._replace(number=2 * n) for n in range(1, 20)])
    aliases = [
        alias
        for birth in opening.births[1:]
        for alias in _receive(decoder, sources, birth).birth.birth.aliases
    ]
    assert len(aliases) == 19 * 7 == len(set(aliases))


def test_messages_are_numbered():
    """0 to 255, and 0 again, after the births."""
    due = [DueReading(0.0, EVEN.vin, DRIVING)] * 300
    found = list(bursts(due, ENCODER, {EVEN.vin: EVEN}, seed=1, first_number=2))
    assert found[0].payload == bytes_of(EVEN, DRIVING) + b"\x18\x02"
    assert found[253].payload.endswith(b"\x18\xff\x01")
    assert found[254].payload.endswith(b"\x18\x00")


@pytest.mark.parametrize("reading", [DRIVING, CHARGING, EXTREME, SPARSE, EMPTY])
@pytest.mark.parametrize("car", [ODD, EVEN])
def test_a_receiver_stores_what_was_sent(car, reading):
    """By names, and by the aliases of the births."""
    decoder, sources = _receiver([ODD, EVEN])
    for birth in ENCODER.opening([ODD, EVEN], NOW).births[1:]:
        assert _receive(decoder, sources, birth).rejections == []
    found = _receive(decoder, sources, ENCODER.encode(reading, car)[0])
    expected = ENCODER.as_sent(reading, car)
    assert found.rejections == []
    rows = [(row.vin, row.ts, tuple(row[3:])) for row in found.rows]
    values = sent(ENCODER, reading, car)
    assert rows == ([(expected.vin, expected.ts, values)] if any(v is not None for v in values) else [])


def test_the_mapping():
    """Even cars have units of their own."""
    assert sources_toml(ENCODER, [ODD, EVEN]) == (
        '[[source]]\ndialect = "sparkplug"\nprefix = "spBv1.0/demo"\n\n'
        '[source.vehicles]\ncar-1 = "SIM-000001"\ncar-2 = "sim-000002"\n\n'
        '[source.device]\ncar-2 = { pack_current = { scale = 0.1 }, odo_km = { unit = "m" } }\n'
    )


def _receiver(cars):
    return SparkplugDecoder(lambda _node: None, lambda _edge: [], lambda: 0.0), mapping(
        sources_toml(ENCODER, cars)
    )


def _receive(decoder, sources, message):
    topic = message.topic.encode()
    return decoder.decode(
        sources.match(topic), topic, message.payload, received_at=moment("10:00:01"), latest=LATEST
    )
