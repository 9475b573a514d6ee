"""Sources through a real broker: retained topics, groups of workers, an absence, a source that is removed."""

import json
import time
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import text

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.reading import SIGNALS
from tests.conftest import eventually
from tests.readings import START, payload, raw, row

CARS = 75
SAIC_KEYS = {
    "drivetrain/mileage": "12345.6",
    "drivetrain/soc": "63.4",
    "drivetrain/current": "-15.25",
    "drivetrain/voltage": "402.5",
}
CONNECTIVITY_KEYS = {
    "drives/primary/level_json": ("soc", 63.0, "%"),
    "drives/primary/battery/temperature_max_json": ("max_temp", 24.0, "C"),
    "drives/primary/battery/temperature_min_json": ("min_temp", 21.0, "C"),
    "odometer_json": ("odo_km", 48210.4, "km"),
}
OVMS = """
[[source]]
dialect = "ovms"
prefix = "ovms/me"
vehicles = { DEMO1 = "XX1OVMS0000000001" }
"""
TESLAMATE = """
[[source]]
dialect = "teslamate"
vehicles = { 1 = "5YJXXXXXXXXXXXXX1" }
"""


@pytest.fixture
def read(engine):
    """Read from the database: `read("SELECT ...")`."""

    def ask(sql):
        with engine.connect() as connection:
            return [tuple(found) for found in connection.execute(text(sql))]

    return ask


@pytest.fixture
def start(run_worker, tmp_path, read):
    """Start a worker with a mapping; wait until it has subscribed, and noted what it subscribed to."""
    mapping = tmp_path / "sources.toml"

    def go(sources, **settings):
        mapping.write_text(sources)
        worker = run_worker(mqtt_sources=mapping, **settings)
        eventually(lambda: worker.subscriber.connection.is_listening)
        noted = f"SELECT filter FROM mqtt_filters WHERE client_id = '{worker.subscriber.client_id}'"
        wanted = set(worker.subscriber.subscription.filters(worker.subscriber.client_id))
        eventually(lambda: wanted <= {each for (each,) in read(noted)})
        return worker

    return go


def stop(worker):
    worker.stop()
    worker.thread.join(10)
    assert not worker.thread.is_alive()
    assert worker.failures == []


def outcomes(worker):
    return {outcome: n for (_, outcome), n in worker.metrics.source_messages.items() if n}


def vin(car):
    return f"LSJXXXXXXXXXX{car:04d}"


def connect_often(worker, start, broker, sources, check):
    """Restart the broker, then connect anew five times; `check(worker, connection)` waits for each's end."""
    check(worker, 1)
    broker.stop()
    broker.start()
    check(worker, 2)
    for _ in range(5):
        stop(worker)
        worker = start(sources)
        check(worker, 1)
    return worker


def test_retained_values_without_a_time(start, broker, publisher, read, api, engine):
    """A restart of the broker and five reconnects bring 300 retained topics each: no sign of life."""
    sources = '[[source]]\ndialect = "saic"\nprefix = "saic/me"\n'
    heard_at = datetime.now(UTC) - timedelta(hours=2)
    with engine.begin() as connection:
        store(connection, [row(vin(0), received_at=heard_at)], CopyBackoff())
    before = api.get(f"/api/vehicles/{vin(0)}/connectivity").json()
    for car in range(CARS):
        for key, value in SAIC_KEYS.items():
            publisher(f"saic/me/vehicles/{vin(car)}/{key}", value, qos=0, retain=True)
    # Once the broker acknowledges this one, it has those before.
    publisher("elsewhere", "")

    def check(worker, connection):
        expected = {"retained": connection * CARS * len(SAIC_KEYS)}
        eventually(lambda: outcomes(worker) == expected)
        assert len(worker.subscriber.inbox) == worker.look().received == 0

    worker = connect_often(start(sources), start, broker, sources, check)
    # A value that is published now is one, on any of these topics.
    publisher(f"saic/me/vehicles/{vin(1)}/drivetrain/soc", "60", qos=0, retain=True)
    eventually(lambda: read("SELECT vin, soc FROM telemetry ORDER BY soc") == [(vin(0), 50), (vin(1), 60)])
    assert outcomes(worker)["reading"] == 1
    assert read("SELECT count(*) FROM rejections") == [(0,)]
    assert read("SELECT count(*) FROM vehicle_status") == [(0,)]
    assert [one["vin"] for one in api.get("/api/vehicles").json()["items"]] == [vin(0), vin(1)]
    assert api.get(f"/api/vehicles/{vin(0)}/connectivity").json() == before
    assert api.get(f"/api/vehicles/{vin(2)}/connectivity").status_code == 404


def test_retained_values_with_their_own_time(start, broker, publisher, read):
    """Each is stored once, by the first connection; those of further ones are duplicates."""
    sources = '[[source]]\ndialect = "carconnectivity"\n'
    expected = []
    for car in range(CARS):
        for place, (key, (signal, value, unit)) in enumerate(CONNECTIVITY_KEYS.items()):
            taken = START + timedelta(minutes=car, seconds=place)
            sent = {"val": value, "upd": str(taken), "uni": unit}
            publisher(f"carconnectivity/0/garage/{vin(car)}/{key}", json.dumps(sent), qos=0, retain=True)
            expected.append((vin(car), taken, *(value if name == signal else None for name in SIGNALS)))
    stored = []

    def check(worker, connection):
        # By whichever connection was the first.
        if not stored:
            stored.append(worker)
        number = len(expected) * (worker is stored[0])
        repeated = connection * len(expected) - number
        eventually(lambda: (worker.look().stored, worker.look().duplicate) == (number, repeated))
        assert outcomes(worker) == {"reading": connection * len(expected)}

    connect_often(start(sources), start, broker, sources, check)
    assert read(f"SELECT vin, ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY vin, ts") == expected
    assert read("SELECT count(*) FROM rejections") == [(0,)]


def test_two_workers_complement_each_other(start, publisher, read):
    """Documents of one moment arrive at different workers of a group: one row, in either order."""
    sources = '[[source]]\ndialect = "bmw-cardata"\n'
    workers = [start(sources, mqtt_shared_group="fleet", has_slot=True) for _ in range(2)]
    cars = [f"WBAXXXXXXXXXX{car:04d}" for car in range(40)]
    header = {
        "vehicle.drivetrain.batteryManagement.header": {"timestamp": "2026-03-01T10:00:00Z", "value": 69},
        "vehicle.vehicle.travelledDistance": {"timestamp": "2026-03-01T09:58:00Z", "value": "12345"},
    }
    health = {
        "vehicle.powertrain.electric.battery.stateOfHealth.displayed": {
            "timestamp": "2026-03-01T10:00:00Z",
            "value": 96,
        }
    }
    for number, car in enumerate(cars):
        first, second = (header, health) if number % 2 else (health, header)
        for data in (first, second, first):
            publisher(f"bmw/raw/{car}", json.dumps({"vin": car, "data": data}))
    # A reading is a row of a message: two of a header's document, one of a health's.
    received = 20 * (2 + 1 + 2) + 20 * (1 + 2 + 1)
    eventually(lambda: sum(worker.look().received for worker in workers) == received)
    eventually(lambda: all(worker.look().in_flight == 0 for worker in workers))
    early, late = datetime(2026, 3, 1, 9, 58, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert read("SELECT vin, ts, soc, soh, odo_km FROM telemetry ORDER BY vin, ts") == [
        one for car in cars for one in ((car, early, None, None, 12345), (car, late, 69, 96, None))
    ]
    looks = [worker.look() for worker in workers]
    assert all(outcomes(worker)["reading"] > len(cars) for worker in workers)
    assert sum(look.stored for look in looks) == 3 * len(cars)
    assert sum(look.duplicate for look in looks) == received - 3 * len(cars)
    assert read("SELECT count(*) FROM rejections") == [(0,)]


def test_one_worker_of_a_group_joins_values(start, publisher, read):
    """Values without a time go to slot 1 alone: each once, and those of a burst in one row."""
    workers = [start(OVMS, mqtt_shared_group="fleet", has_slot=True) for _ in range(2)]
    keys = ["v/b/soc", "v/b/soh", "v/b/voltage", "v/b/current", "v/b/p/temp/max", "v/b/p/temp/min"]
    bursts = [[81.5, 95, 352.4, current, 24, 21] for current in range(40)]
    for burst in bursts:
        for key, value in zip(keys, burst, strict=True):
            publisher(f"ovms/me/DEMO1/metric/{key}", str(value), qos=0, retain=True)
    names = "soc, soh, pack_voltage, pack_current, max_temp, min_temp"
    eventually(lambda: workers[0].look().stored == len(bursts))
    assert read(f"SELECT {names} FROM telemetry ORDER BY ts") == [tuple(burst) for burst in bursts]
    assert outcomes(workers[0]) == {"reading": len(bursts) * len(keys)}
    assert outcomes(workers[1]) == {}
    # The native topics are shared all the same.
    for second in range(20):
        publisher("vehicles/VIN-00001/telemetry", payload(raw(second=second)))
    eventually(lambda: read("SELECT count(*) FROM telemetry WHERE vin = 'VIN-00001'") == [(20,)])
    assert all(worker.metrics.messages[1] for worker in workers)


def test_values_sent_while_the_worker_is_away(start, publisher, read):
    """At QoS 1 all are kept, in their order, at rising times; the times are those of the return."""
    sources = '[[source]]\ndialect = "tesla-fleet-telemetry"\n'
    stop(start(sources))
    topic = "telemetry/5YJXXXXXXXXXXXXX2/v/"
    burst = {
        "PackCurrent": -85.3,
        "Odometer": "40721.3",
        "Soc": 71.2,
        "PackVoltage": 352.1,
        "ModuleTempMin": None,
        "ModuleTempMax": 31.5,
    }
    for field, value in burst.items():
        publisher(topic + field, json.dumps(value))
    currents = [12.0, *range(100, 300)]
    for current in currents:
        publisher(topic + "PackCurrent", json.dumps(current))
    time.sleep(2)
    returned_at = datetime.now(UTC)
    worker = start(sources)
    eventually(lambda: worker.look().stored == 1 + len(currents))
    found = read(f"SELECT ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY ts")
    assert found[0][1:] == (71.2, None, 352.1, 85.3, 31.5, None, 65534.58)
    assert [rest for _, *rest in found[1:]] == [
        [None, None, None, -one, None, None, None] for one in currents
    ]
    assert found[0][0] >= returned_at
    assert len({ts for ts, *_ in found}) == len(found)
    assert outcomes(worker) == {"reading": len(burst) - 1 + len(currents), "no_signal": 1}


def queued(broker, client_id):
    """Return the topics of the messages that the broker has queued for a session."""
    topics, is_connected = [], []
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311
    )
    client.on_connect = lambda _client, _data, flags, *_: is_connected.append(flags.session_present)
    client.on_message = lambda _client, _data, message: topics.append(message.topic)
    client.connect(broker.host, broker.port)
    client.loop_start()
    eventually(lambda: is_connected)
    time.sleep(0.5)
    client.disconnect()
    client.loop_stop()
    assert is_connected == [True]
    return topics


def test_a_source_that_is_removed(start, broker, publisher, read):
    """The session unsubscribes its filters after the next start; those of other sources stay."""
    sent = {
        "teslamate/cars/1/battery_level": "88",
        "teslamate/cars/1/odometer": "65534.58",
        "ovms/me/DEMO1/metric/v/b/soc": "50",
        "vehicles/VIN-00001/telemetry": payload(raw()),
    }
    kept = list(sent)[2:]

    def publish():
        for topic, content in sent.items():
            publisher(topic, content)

    stop(start(OVMS + TESLAMATE, mqtt_client_id="kept"))
    publish()
    assert queued(broker, "kept") == list(sent)
    worker = start(OVMS, mqtt_client_id="kept")
    is_forgotten = "SELECT count(*) FROM mqtt_filters WHERE filter LIKE 'teslamate/%'"
    eventually(lambda: read(is_forgotten) == [(0,)])
    before = worker.metrics.messages.total()
    publish()
    eventually(lambda: worker.metrics.messages.total() >= before + len(kept))
    stop(worker)
    assert worker.metrics.messages.total() == before + len(kept)
    publish()
    assert queued(broker, "kept") == kept
    # The source comes back: its filters are subscribed, and not unsubscribed as obsolete ones.
    stop(start(OVMS + TESLAMATE, mqtt_client_id="kept"))
    publish()
    assert queued(broker, "kept") == list(sent)
