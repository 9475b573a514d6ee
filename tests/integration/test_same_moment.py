"""Readings of one vehicle and moment, by MQTT, by POST and by replay: the contract's table, line by line."""

import json
from itertools import cycle

import pytest
from sqlalchemy import text

from ingest_worker import rejections
from shared.rejections.model import keep_rejections
from shared.wire.reading import SIGNALS
from shared.wire.refusal import Reason, Rejection
from tests.calls import LATEST_FIELDS, post
from tests.commands import within
from tests.conftest import eventually
from tests.readings import at, payload, raw, stamp

TOPIC = "vehicles/VIN-00001/telemetry"
CONFIRM = f"{TOPIC}/confirm"
STORED, DUPLICATE, CONFLICT = "stored", "duplicate", "conflict"

LINES = [
    (raw(soc=50.0, max_temp=20.0), STORED),
    (raw(soc=50.0, soh=90.0), STORED),
    (raw(soc=None, pack_voltage=400.0), STORED),
    (raw(soc=50.0, soh=None), DUPLICATE),
    (raw(soc=50.0, soh=90.0, pack_voltage=400.0, max_temp=20.0), DUPLICATE),
    (raw(soc=51.0, odo_km=7.0), CONFLICT),
    (raw(odo_km=8.0), STORED),
    (raw(soh=90.0, pack_current=9.0, odo_km=7.0), CONFLICT),
    (raw(pack_current=100.0, max_temp=None), STORED),
]
SENT = [reading for reading, _ in LINES]
ROW = {
    "soc": 50.0,
    "soh": 90.0,
    "pack_voltage": 400.0,
    "pack_current": 100.0,
    "max_temp": 20.0,
    "min_temp": None,
    "odo_km": 8.0,
}


@pytest.fixture
def rows(engine):
    def query(sql):
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    return query


@pytest.fixture
def keep(engine):
    """Keep readings as a rejection; returns its id."""

    def make(*readings):
        rejection = Rejection(
            "VIN-00001", at(-60), Reason.TOO_MANY, "", None, TOPIC.encode(), payload(*readings)
        )
        with engine.begin() as connection:
            keep_rejections(connection, [rejection])
        return str(rejection.id)

    return make


@pytest.fixture
def listen(run_worker):
    """Start a worker: `listen(ingest_batch_rows=...)` returns once it has subscribed."""

    def start(**settings):
        worker = run_worker(**settings)
        eventually(lambda: worker.pulse.is_ready)

    return start


@pytest.fixture
def by_mqtt(listen, publisher, receipts):
    """Publish a reading, and return the verdict that its receipt gives."""
    listen()

    def send(reading):
        known = len(receipts)
        publisher(CONFIRM, payload(reading))
        eventually(lambda: len(receipts) > known)
        return verdict(receipts[known])

    return send


def verdict(received):
    """Return the verdict of the receipt for a lone reading."""
    topic, receipt, _ = received
    assert topic == "vehicles/VIN-00001/receipts"
    found = {
        STORED: receipt["stored"] == [stamp(0)],
        DUPLICATE: receipt["duplicate"] == [stamp(0)],
        CONFLICT: receipt["rejected"] == [{"index": 0, "ts": stamp(0), "reason": "conflict"}],
    }
    assert sum(map(len, receipt.values())) == 1
    [one] = [name for name, is_given in found.items() if is_given]
    return one


@pytest.fixture
def by_post(api, rows):
    """Post a reading, and return the verdict: only a conflict is kept as a rejection."""

    def send(reading):
        before = rows("SELECT id FROM rejections WHERE reason = 'conflict'")
        answer = post(api, reading).json()
        kept = len(rows("SELECT id FROM rejections WHERE reason = 'conflict'")) - len(before)
        assert answer in ({"inserted": 1}, {"inserted": 0, "duplicates": 1})
        return {(1, 0): STORED, (0, 0): DUPLICATE, (0, 1): CONFLICT}[answer["inserted"], kept]

    return send


@pytest.fixture
def by_replay(api, keep, rows):
    """Replay a rejection over HTTP, and return the verdict: after a conflict it stays."""

    def send(reading):
        rejection_id = keep(reading)
        answer = api.post(f"/api/rejections/{rejection_id}/replay")
        stays = bool(rows(f"SELECT id FROM rejections WHERE id = '{rejection_id}'"))
        assert stays == (answer.status_code == 409)
        if stays:
            return CONFLICT
        return {(1, 0): STORED, (0, 1): DUPLICATE}[answer.json()["stored"], answer.json()["duplicate"]]

    return send


@pytest.fixture
def command(monkeypatch, tmp_path, database_url, capsys):
    """Run the command on rejections; return its exit code, its lines and its errors."""
    monkeypatch.chdir(tmp_path)
    return within(rejections.main, monkeypatch, capsys, DATABASE_URL=database_url)


@pytest.fixture
def by_command(command, keep):
    """Replay a rejection by the command, and return the verdict."""

    def send(reading):
        rejection_id = keep(reading)
        code, lines, complaint = command("replay", rejection_id)
        if code == 1:
            assert f"{rejection_id} Still refused (conflict): " in complaint
            return CONFLICT
        return {
            f"{rejection_id} 1 stored, 0 duplicate": STORED,
            f"{rejection_id} 0 stored, 1 duplicate": DUPLICATE,
        }[lines[0]]

    return send


@pytest.fixture
def check(api, rows):
    """Check the only row, the state, the hour, and that exactly the conflicts are kept."""

    def compare():
        assert rows(f"SELECT ts, {', '.join(SIGNALS)} FROM telemetry") == [(at(0), *ROW.values())]
        latest = api.get("/api/vehicles/VIN-00001/latest").json()
        assert list(latest) == LATEST_FIELDS
        assert latest | ROW | {"power_kw": 40.0, "ts": stamp(0)} == latest
        figures = ", ".join(f"{name}_n" for name in (*SIGNALS, "power_kw"))
        assert rows(f"SELECT samples, power_kw_sum, {figures} FROM telemetry_hourly") == [
            (1, 40.0, *(int(value is not None) for value in ROW.values()), 1)
        ]
        kept = [json.loads(bytes(body)) for (body,) in rows("SELECT payload FROM rejections")]
        assert sorted(kept, key=str) == sorted((SENT[5], SENT[7]), key=str)

    return compare


WAYS = [
    ["by_mqtt"],
    ["by_post"],
    ["by_replay"],
    ["by_command"],
    ["by_mqtt", "by_post"],
    ["by_post", "by_mqtt"],
    ["by_command", "by_mqtt", "by_replay", "by_post"],
]


@pytest.mark.parametrize("names", WAYS, ids=lambda names: " ".join(name[3:] for name in names))
def test_each_line_by_each_way(request, rows, check, names):
    """By one way, or by several in turn; the time of arrival stays the first one's."""
    ways = [request.getfixturevalue(name) for name in names]
    arrivals = []
    for (reading, expected), way in zip(LINES, cycle(ways), strict=False):
        assert way(reading) == expected, reading
        arrivals += rows("SELECT received_at FROM telemetry")
    assert set(arrivals) == {arrivals[0]}
    check()


RECEIPT = {
    "stored": [stamp(0)] * 5,
    "duplicate": [stamp(0)] * 2,
    "rejected": [{"index": index, "ts": stamp(0), "reason": "conflict"} for index in (5, 7)],
}


def test_all_lines_in_one_message(listen, publisher, receipts, check):
    """The receipt names the indexes of the conflicts."""
    listen()
    publisher(CONFIRM, payload(*SENT))
    eventually(lambda: receipts)
    assert receipts[0][1] == RECEIPT
    check()


def test_all_lines_in_one_batch(listen, publisher, receipts, check):
    """A message each, committed together."""
    listen(ingest_batch_rows=len(SENT), ingest_batch_ms=5_000)
    for reading in SENT:
        publisher(CONFIRM, payload(reading))
    eventually(lambda: len(receipts) == len(SENT))
    assert [verdict(received) for received in receipts] == [expected for _, expected in LINES]
    check()


def test_all_lines_beside_refused_rows(listen, publisher, receipts, check, engine):
    """The batch is bisected for rows that the table refuses; the readings of a moment keep their order."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_min_temp_check"))
        connection.execute(
            text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_min_temp_check CHECK (min_temp < 30)")
        )
    listen()
    before, after = raw(second=-1, min_temp=31.0), raw(second=1, min_temp=31.0)
    publisher(CONFIRM, payload(before, *SENT, after))
    eventually(lambda: receipts)
    rejected = [
        {"index": 0, "ts": stamp(-1), "reason": "refused_by_database"},
        *({**each, "index": each["index"] + 1} for each in RECEIPT["rejected"]),
        {"index": 10, "ts": stamp(1), "reason": "refused_by_database"},
    ]
    assert receipts[0][1] == RECEIPT | {"rejected": rejected}
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM rejections WHERE reason = 'refused_by_database'"))
    check()


def test_all_lines_in_one_request(api, check):
    """`inserted` counts readings that added a signal; a conflict counts among the duplicates."""
    assert post(api, *SENT).json() == {"inserted": 5, "duplicates": 4}
    check()


def test_all_lines_in_one_replay(api, keep, command, rows):
    """One conflict, and no signal of the others is taken either; the row and the rejection stay."""
    post(api, SENT[0])
    before = rows("SELECT * FROM telemetry")
    rejection_id = keep(*SENT)
    code, lines, complaint = command("replay", rejection_id)
    assert (code, lines) == (1, ["0 replayed, 1 not."])
    assert "Still refused (conflict): reading 5: another value of a signal" in complaint
    assert rows("SELECT * FROM telemetry") == before
    assert [str(kept) for (kept,) in rows("SELECT id FROM rejections")] == [rejection_id]
