"""A worker process with far more input than it may hold: messages of 1 MiB, and a locked database."""

import re
import urllib.request

import pytest
from sqlalchemy import text

from scripts.launcher.module import Worker
from tests.conftest import eventually
from tests.readings import payload, raw

MIB = 1024 * 1024
MESSAGES = 150
MOST = 200 * MIB


@pytest.fixture
def worker(broker, database_url, tmp_path):
    env = {
        "DATABASE_URL": database_url,
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "MQTT_CLIENT_ID": "large",
    }
    running = Worker(log=tmp_path / "worker.log", env=env)
    running.start()
    yield running
    running.kill()


def metric(worker, name):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{worker.host}:{worker.port}/metrics", timeout=5) as answer:
        return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)[1])


def test_reading_stops_before_memory_does(worker, publisher, engine):
    """Messages beyond the limit are queued at the broker; then all of it is stored, over one connection."""

    def stored():
        with engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM vehicle_latest")).scalar_one()

    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"))
        for number in range(MESSAGES):
            vin = f"LARGE-{number}"
            body = payload(raw(vin, soc=50.0) | {"remark": "x" * (MIB - 200)})
            publisher(f"vehicles/{vin}/telemetry", body)
        eventually(lambda: metric(worker, "battery_worker_bytes_waiting") > 7 * MIB)
        assert metric(worker, "battery_worker_bytes_waiting") < 11 * MIB
        assert metric(worker, "process_resident_memory_bytes") < MOST
        lock.rollback()
    eventually(lambda: stored() == MESSAGES, within=60)
    assert metric(worker, "process_resident_memory_bytes") < MOST
    assert metric(worker, "battery_worker_connections_total") == 1
    eventually(lambda: metric(worker, "battery_worker_bytes_waiting") == 0)
