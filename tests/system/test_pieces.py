"""Pieces of readings by MQTT and POST at once, while workers die: all answers are those of whole readings."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import isclose
from operator import itemgetter

import paho.mqtt.client as mqtt
import psutil
import pytest
from sqlalchemy import text

from scripts.launcher.module import Api, Worker
from shared import rollups
from shared.storage.engine import writer_engine
from shared.storage.tables import closed_days, closed_hours, names
from shared.wire.reading import SIGNALS
from shared.wire.timestamps import format_timestamp
from tests.calls import plain_client, post
from tests.conftest import eventually
from tests.diagnosed import lived_through
from tests.hours import LATEST, close_all
from tests.pieces import torn, wire

CLIENT_ID = "torn"
OF_ARRIVALS = {"LATE_DATA", "CLOCK_SKEW", "CLOCK_BEHIND"}
PROFILE = {"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60, "energy_kwh": 21.6}

# received_at is the time of arrival itself: no table is compared by it.
TABLES = [
    f"SELECT vin, ts, {', '.join(SIGNALS)} FROM telemetry WHERE vin = :vin ORDER BY ts",
    f"SELECT {', '.join(names(closed_hours))} FROM telemetry_hourly WHERE vin = :vin ORDER BY hour",
    f"SELECT {', '.join(names(closed_days))} FROM telemetry_daily WHERE vin = :vin ORDER BY day",
    f"SELECT {LATEST} FROM vehicle_latest WHERE vin = :vin",
]


@pytest.fixture
def servers(broker, database_url, tmp_path):
    """Start an API and two workers of a group; returns the API and the workers."""
    group = {
        "DATABASE_URL": database_url,
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "MQTT_CLIENT_ID": CLIENT_ID,
        "MQTT_SHARED_GROUP": "fleet",
        "INGEST_BATCH_MS": "20",
    }
    api = Api(log=tmp_path / "api" / "log", env={"DATABASE_URL": database_url})
    workers = [Worker(log=tmp_path / f"worker-{number}" / "log", env=group) for number in (1, 2)]
    servers = [api, *workers]
    try:
        with ThreadPoolExecutor(len(servers)) as starters:
            list(starters.map(lambda server: server.start(), servers))
        yield api, workers
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def engines(database_url):
    """Yield two more engines, since each holds a single connection: to close hours, and to hold a lock."""
    made = [writer_engine(database_url, name="test-beside") for _ in range(2)]
    yield made
    for each in made:
        each.dispose()


@pytest.fixture
def publish(broker):
    """Hand messages to a client with up to 100 in flight: `publish(messages)` returns what to wait for."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(100)
    client.connect(broker.host, broker.port)
    client.loop_start()
    yield lambda messages: [client.publish(*message, qos=1) for message in messages]
    client.disconnect()
    client.loop_stop()


@contextmanager
def beside(work, *, stop=lambda: None):
    """Run `work` in a thread beside the block; then call `stop`, wait, and raise the error of `work`."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        try:
            yield
        finally:
            stop()
        done.result()


def ask(engine, sql, **parameters):
    with engine.connect() as connection:
        return [list(row) for row in connection.execute(text(sql), parameters)]


def driven(vin, seed, first):
    """Return the readings of a car that sends its state of health with each tenth reading."""
    rows = lived_through(vin, seed, first)
    return [one if number % 10 == 0 else one._replace(soh=None) for number, one in enumerate(rows)]


def scattered(chance, rows):
    """Return all pieces of these readings, some of them several times and some with nulls, slightly mixed.

    Pieces of one reading stay near each other: several writers have them at the same time.
    """
    placed = []
    for place, one in enumerate(rows):
        pieces = torn(chance, one)
        pieces += chance.choices(pieces, k=chance.choice([0, 0, 1, 2]))
        placed += ((place + chance.uniform(0, 60), piece) for piece in pieces)
    placed.sort(key=itemgetter(0))
    return [wire(piece, *chance.sample(list(SIGNALS), chance.choice([0, 0, 3]))) for _, piece in placed]


def divided(chance, pieces):
    """Divide pieces into shares of one request and some messages, which are sent at the same time."""
    while pieces:
        size = chance.choice([20, 150, 400])
        share, pieces = pieces[:size], pieces[size:]
        chance.shuffle(share)
        posted = chance.randint(1, size - 1)
        yield list(messages(chance, share[posted:])), share[:posted]


def messages(chance, pieces):
    """Yield messages, each of one vehicle: lone readings and arrays."""
    by_vin = {}
    for piece in pieces:
        by_vin.setdefault(piece["vin"], []).append(piece)
    for vin, of_one in by_vin.items():
        alone = chance.randint(0, len(of_one))
        contents = of_one[:alone]
        while alone < len(of_one):
            size = chance.choice([2, 30])
            contents.append(of_one[alone : alone + size])
            alone += size
        yield from ((f"vehicles/{vin}/telemetry", json.dumps(content)) for content in contents)


def request(client, readings):
    """Post readings; each of them is new or known."""
    answer = post(client, *readings)
    assert answer.status_code == 200, answer.text
    counts = answer.json()
    assert counts["inserted"] + counts.get("duplicates", 0) == len(readings)


@contextmanager
def writes_held(lock_engine):
    """Let transactions that write readings wait for the end of the block."""
    with lock_engine.connect() as lock:
        lock.execute(text("LOCK TABLE telemetry IN SHARE MODE"))
        yield


def is_waiting(worker, engine):
    """Return whether a transaction of this worker, which has several connections, waits for a lock."""
    statement = "SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    waiting = {port for [port] in ask(engine, f"{statement} AND application_name = :name", name=CLIENT_ID)}
    own = psutil.Process(worker.pid).net_connections()
    return any(connection.laddr.port in waiting for connection in own if connection.laddr)


def answers(client, vin, rows):
    """Return the API's answers about a vehicle, without its VIN and without figures of arrivals."""
    path = f"/api/vehicles/{vin}"
    window = {"from_ts": format_timestamp(rows[0].ts), "to_ts": format_timestamp(rows[-1].ts)}
    calls = {
        "latest": client.get(f"{path}/latest"),
        "summary": client.get(f"{path}/summary", params=window),
        "readings": client.get(f"{path}/series", params={**window, "interval": "5m"}),
        "hours": client.get(f"{path}/series", params={**window, "interval": "1h"}),
        "anomalies": client.get(f"{path}/anomalies", params={"limit": 1_000}),
        "sessions": client.get(f"{path}/sessions", params={"limit": 1_000}),
        "diagnosis": client.get(f"{path}/diagnosis"),
        "battery": client.get(f"{path}/battery"),
    }
    assert {call.status_code for call in calls.values()} == {200}
    found = {name: json.loads(call.text.replace(vin, "VIN")) for name, call in calls.items()}
    # LATE_DATA, CLOCK_SKEW and CLOCK_BEHIND compare ts with received_at, and late_share is the share of
    # LATE_DATA's readings; the number of duplicates depends on what was sent again.
    for page in (found["anomalies"], found["diagnosis"]["anomalies"]):
        page["items"] = [item for item in page["items"] if item["code"] not in OF_ARRIVALS]
    for name in ("late_share", "duplicates"):
        del found["battery"]["quality"][name]
    return found


def differences(found, expected, *place):
    """Yield the places where two answers differ, with both values.

    Floats are compared to nine digits: the last ones of a sum depend on the order of its parts.
    """
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        for name, value in expected.items():
            yield from differences(found[name], value, *place, name)
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        for number, value in enumerate(expected):
            yield from differences(found[number], value, *place, number)
    elif isinstance(expected, float) and isinstance(found, float):
        if not isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9):
            yield place, found, expected
    elif found != expected:
        yield place, found, expected


def other(vin):
    """Return the vehicle that sends the same readings whole."""
    return vin.replace("TORN", "WHOLE")


def assert_eventful(found):
    """Assert that answers hold results of each kind: two empty ones would be equal, too."""
    codes = {item["code"] for item in found["anomalies"]["items"]}
    assert {"TEMP_HIGH", "SOC_LOW", "SOC_JUMP", "ODO_ZERO"} <= codes
    assert {item["kind"] for item in found["sessions"]["items"]} == {"drive", "charge"}
    assert found["diagnosis"]["anomalies"]["items"]
    assert found["diagnosis"]["sessions"]["items"]
    assert found["battery"]["throughput"]["kwh_out"] > 1
    assert list(found["latest"]["as_of"]) == ["soh"]
    assert found["summary"]["samples"] == sum(found["hours"]["samples"]) == sum(found["readings"]["samples"])


def tables(engine, vin):
    """Return a vehicle's rows, without its VIN."""
    return [[row[1:] for row in ask(engine, sql, vin=vin)] for sql in TABLES]


@contextmanager
def hours_closed(engine):
    """Close all hours five times a second."""
    over = threading.Event()

    def close():
        while not over.wait(0.2):
            close_all(engine)

    with beside(close, stop=over.set):
        yield


def send_while_workers_die(shares, publish, client, workers, engine, holder):
    """Send all shares; one worker is killed while its transaction is open, later the other one."""
    published = []

    def to_broker(some):
        for of_mqtt, _ in some:
            published.extend(publish(of_mqtt))

    def to_api(some):
        for _, of_http in some:
            request(client, of_http)

    def to_both(some):
        for share in some:
            to_broker([share])
            to_api([share])

    quarter = len(shares) // 4
    to_both(shares[:quarter])
    second, last = shares[quarter : 2 * quarter], shares[3 * quarter :]
    with writes_held(holder):
        to_broker(second)
        eventually(lambda: all(is_waiting(worker, engine) for worker in workers))
        assert workers[0].kill() == -9
    with beside(workers[0].start):
        to_api(second)
        to_both(shares[2 * quarter : 3 * quarter])
    done = len(published)
    to_broker(last)
    published[(done + len(published)) // 2].wait_for_publish(30)
    assert workers[1].kill() == -9
    with beside(workers[1].start):
        to_api(last)
    for message in published:
        message.wait_for_publish(30)


ORDERS = {
    "forwards": lambda rows, _chance: rows,
    "backwards": lambda rows, _chance: rows[::-1],
    "shuffled": lambda rows, chance: chance.sample(rows, len(rows)),
}


@pytest.mark.parametrize("order", ORDERS)
def test_pieces_by_every_way_become_the_whole(servers, publish, engine, engines, order):
    """Two workers of which each is killed once, an API, and hours that are closed meanwhile."""
    api, workers = servers
    closer, holder = engines
    seed = list(ORDERS).index(order)
    chance = random.Random(seed)
    cars = {"TORN-1": driven("TORN-1", 19, 0), "TORN-2": driven("TORN-2", 7 + seed, 6 * 3_600)}
    rows = [one for both in zip(*cars.values(), strict=True) for one in both]
    shares = list(divided(chance, scattered(chance, ORDERS[order](rows, chance))))
    with plain_client(api.base_url, timeout=30) as client:
        for vin in (*cars, *map(other, cars)):
            assert client.put(f"/api/vehicles/{vin}/profile", json=PROFILE).status_code == 200
        with hours_closed(closer):
            send_while_workers_die(shares, publish, client, workers, engine, holder)
            whole = sorted([one.vin, one.ts, *one[3:]] for one in rows)
            kept = f"SELECT vin, ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY vin, ts"
            eventually(lambda: ask(engine, kept) == whole, within=30)
        assert [worker.stop() for worker in workers] == [0, 0]
        assert ask(engine, "SELECT * FROM rejections") == []
        for vin, car in cars.items():
            for first in range(0, len(car), 500):
                request(client, [wire(one._replace(vin=other(vin))) for one in car[first : first + 500]])
        for _ in ("with open hours", "with closed hours"):
            for vin, car in cars.items():
                assert list(differences(tables(engine, vin), tables(engine, other(vin)))) == []
                torn_answers, whole_answers = (answers(client, each, car) for each in (vin, other(vin)))
                assert list(differences(torn_answers, whole_answers)) == []
            assert rollups.check(engine) == {}
            close_all(engine)
        assert_eventful(answers(client, "TORN-1", cars["TORN-1"]))
