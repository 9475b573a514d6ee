"""The published and stored readings of the benchmarks, and the rows expected of them."""

import json
import struct
from datetime import timedelta

import pytest

from scripts.bench import load, packets, sample_readings
from scripts.bench.binary_copy import COLUMNS, packed
from scripts.bench.large_fleet import STEP_S, Fleet, fleet_of
from scripts.bench.summary import hours_before
from scripts.bench.window import Window
from shared.storage.tables import telemetry
from shared.wire.decoder import decode
from shared.wire.reading import SIGNALS

FLEET = Fleet(vehicles=3, readings_each=100)


def messages(publications):
    """Return topic and payload of each packet."""
    found = []
    for kind, body in packets.Reader().feed(b"".join(publications)):
        assert kind == packets.PUBLISH
        end = 2 + int.from_bytes(body[:2], "big")
        found.append((body[2:end], body[end + 2 :]))
    return found


def keys_of(publications):
    """Return the keys of the rows that our decoder makes of the packets; asserts that it refuses none."""
    now = sample_readings.START + timedelta(days=30)
    rows = []
    for topic, payload in messages(publications):
        decoded = decode(topic, payload, received_at=now, latest=now)
        assert not decoded.rejections
        rows += [(row.vin, row.ts) for row in decoded.rows]
    return rows


@pytest.mark.parametrize(
    "made",
    [
        load.lone_readings(250),
        load.lone_readings(7, confirm=True),
        load.lone_readings(250, vehicles=110),
        load.lone_readings(120, vehicles=1_000),
        load.arrays(130, 3),
        load.arrays(130, 3, vehicles=120),
        load.arrays(13, 3, vehicles=1_000),
    ],
)
def test_a_load_is_what_it_says(made):
    """Our decoder accepts all of it; no key occurs twice, and the last keys are in the last messages."""
    keys = keys_of(made.publications)
    assert len(keys) == len(set(keys)) == made.rows
    assert set(made.last) <= set(keys)
    assert keys[-1] == made.last[-1]


@pytest.mark.parametrize("vehicles", [1, 7, 250, 1_000])
def test_the_vehicles_send_in_turn(vehicles):
    """Each vehicle sends once before any sends again, as far as the messages suffice."""
    keys = keys_of(load.lone_readings(500, vehicles=vehicles).publications)
    assert [vin for vin, _ts in keys] == [sample_readings.vin(number % vehicles) for number in range(500)]


def test_the_last_keys_are_few():
    """The keys are looked up many times a second, also those of a wide fleet."""
    assert len(load.lone_readings(5_000, vehicles=4_000).last) == 100


@pytest.mark.parametrize(("readings", "vehicles", "at_once"), [(40, 10, 1), (40, 10, 10), (35, 10, 10)])
def test_single_signals_make_up_whole_readings(readings, vehicles, at_once):
    """Joined by their key, the messages are the whole readings; the last message completes the last key."""
    made = load.lone_signals(readings, vehicles=vehicles, at_once=at_once)
    joined = {}
    for topic, payload in messages(made.publications):
        sent = json.loads(payload)
        assert len(sent) == 3
        reading = joined.setdefault((topic, sent["vin"], sent["ts"]), {})
        assert not set(reading) & (set(sent) - {"vin", "ts"})
        reading |= sent
    whole = load.lone_readings(readings, vehicles=vehicles)
    assert [(topic, sent) for (topic, _vin, _ts), sent in joined.items()] == [
        (topic, json.loads(payload)) for topic, payload in messages(whole.publications)
    ]
    assert (made.rows, list(made.last)) == (readings, list(whole.last))
    assert keys_of(made.publications)[-1] == made.last[-1]


def test_signals_alternate_between_the_readings_at_once():
    """With 1, the messages of a reading follow one another; else each signal goes out for all at once."""
    for at_once, names in ((1, list(SIGNALS) * 3), (3, [name for name in SIGNALS for _ in range(3)])):
        sent = messages(load.lone_signals(3, vehicles=3, at_once=at_once).publications)
        assert [list(json.loads(payload))[2] for _topic, payload in sent] == names


def test_copied_rows_are_those_of_the_messages():
    """PostgreSQL's binary format, read back: the signals that the payload has, for each number."""
    data = packed(range(5, 7), sample_readings.START)
    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    at = 19
    for number in range(5, 7):
        columns, length = struct.unpack_from("!hi", data, at)
        vin = data[at + 6 : at + 6 + length].decode()
        numbers = struct.unpack_from("!" + "iq" * 2 + "id" * 7, data, at + 6 + length)
        at += 6 + length + struct.calcsize("!" + "iq" * 2 + "id" * 7)
        sent = json.loads(sample_readings.payload(number))
        assert (columns, vin) == (len(COLUMNS), sent["vin"])
        assert numbers[5::2] == tuple(sent[name] for name in COLUMNS[3:])
        assert set(numbers[::2]) == {8}
    assert data[at:] == b"\xff\xff"


def test_the_columns_are_those_of_the_table():
    """With another column, the two sides of the comparison would differ."""
    assert set(COLUMNS) == set(telemetry.columns.keys())


@pytest.mark.parametrize(
    ("minutes", "most", "found"),
    [(120, 0, []), (120, 1, [1]), (121, 1, [2]), (120, 2, [1, 0]), (121, 9, [2, 1, 0])],
)
def test_hours_before_a_time_are_those_with_readings(minutes, most, found):
    """The hour that begins at the time itself has none before that, and neither has any before the start."""
    until = sample_readings.START + timedelta(minutes=minutes)
    hours = hours_before(until, most, sample_readings.START)
    assert hours == [sample_readings.START + timedelta(hours=hour) for hour in found]


@pytest.mark.parametrize(
    ("readings", "vehicles", "made"), [(2_000, 1_000, 2_000), (20, 1_000, 20), (25, 10, 20)]
)
def test_a_fleet_is_about_as_large_as_asked(readings, vehicles, made):
    """Each vehicle has the same number of readings, at least one."""
    fleet = fleet_of(readings, vehicles)
    assert fleet.readings == made
    assert len(set(fleet.vins)) == fleet.vehicles


@pytest.mark.parametrize("first", [-25, -20, 0, 5, 10, 500, 985, 990, 1_100])
@pytest.mark.parametrize("length", [0, 5, 10, 99, 600, 3_000])
def test_the_samples_of_a_window_are_counted(first, length):
    """The count equals one over each single reading."""
    window = Window(
        sample_readings.START + timedelta(seconds=first),
        sample_readings.START + timedelta(seconds=first + length),
    )
    times = [sample_readings.START + timedelta(seconds=STEP_S * turn) for turn in range(FLEET.readings_each)]
    counted = sum(window.from_ts <= ts <= window.to_ts for ts in times)
    assert FLEET.samples(window.from_ts, window.to_ts) == counted
    assert FLEET.newest == times[-1]


def test_a_window_within_hours_begins_at_no_full_hour():
    """A window of whole hours only would have no readings at its ends."""
    window = Window(sample_readings.START, sample_readings.START + timedelta(days=1)).within_hours()
    assert (window.from_ts.minute, window.to_ts.minute) == (29, 30)
    assert window.query == "from_ts=2025-01-01T00%3A29%3A57Z&to_ts=2025-01-01T23%3A30%3A03Z"
