"""Real servers for the tests: one PostgreSQL for the run, a database for each test, brokers on demand.

A server that can't be started fails the test that needs it; none is skipped for lack of a server.
"""

import json
import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
import psutil
import psycopg
import pytest
import uvicorn
from hypothesis import HealthCheck, settings

from api.main import create_app
from ingest_worker import worker_health
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.fatal_errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.mqtt_client import MqttClient
from ingest_worker.slot import SlotLock
from ingest_worker.worker import Worker
from ingest_worker.worker_health import WorkerHealth
from scripts.launcher import account
from scripts.launcher.broker import Broker
from scripts.launcher.postgres import Postgres
from shared.api_settings import ApiSettings
from shared.migrate import migrate
from shared.settings import WorkerSettings
from shared.sources.mapping_file import sources_of
from shared.storage.engine import writer_engine
from tests.calls import plain_client
from tests.examples import DAILY, NIGHTLY
from tests.fake_client import SubscriberWithClient

# A generated example may take long beside a busy machine: that says nothing about the code.
for _profile, _examples in ((DAILY, 40), (NIGHTLY, 100)):
    settings.register_profile(
        _profile, max_examples=_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

# No data here has to survive a power cut; data survives a kill -9, since the kernel keeps what was written.
# synchronous_commit is off on purpose: the guarantee must not depend on a server's default.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "256MB"}
_MEMORY = Path("/dev/shm")  # noqa: S108
_ENOUGH_BYTES = 4 << 30


def pytest_configure(config):
    """Choose how many examples are generated; `-m ""`, from ./scripts/test.sh --nightly, is a nightly run."""
    settings.load_profile(NIGHTLY if config.getoption("markexpr") == "" else DAILY)


@contextmanager
def server_folder():
    """Create a folder for a server's files, in memory where there is plenty of it.

    In memory a new database takes 0.01 s, not 0.2. Not a folder of pytest's: those of root are closed to
    other users, and PostgreSQL, which refuses to be root, would keep its files elsewhere.
    """
    plenty = (
        _MEMORY.is_dir()
        and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES
        # In a container no program may be executed from there, and some tests copy PostgreSQL's programs.
        and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    )
    place = _MEMORY if plenty else Path(tempfile.gettempdir())
    remove_orphans(place)
    folder = Path(tempfile.mkdtemp(prefix=f"battery-test-{os.getpid()}-", dir=place))
    account.let_pass(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(place):
    """Remove the folders of a pytest that was killed: in memory they would stay until the next boot."""
    for folder in place.glob("battery-test-*-*"):
        pid = folder.name.split("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def signal_handlers():
    """Restore what a command has set that ran in this process: a child inherits that a signal is ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def postgres():
    with server_folder() as folder:
        server = Postgres(folder / "postgres", settings=FAST)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(postgres):
    """Create the schema once; each test copies it."""
    name = "template_battery"
    engine = writer_engine(driver_url(postgres.create_database(name)), name="template")
    migrate(engine)
    engine.dispose()
    return name


@pytest.fixture
def database_url(postgres, template):
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield driver_url(postgres.url(name))
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(postgres):
    name = f"empty_{uuid.uuid4().hex}"
    yield driver_url(postgres.create_database(name))
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url):
    engine = writer_engine(database_url, name="test")
    yield engine
    engine.dispose()


@pytest.fixture
def broker(tmp_path):
    server = Broker(tmp_path / "mosquitto")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clock(monkeypatch):
    """Replace the monotonic clock of the health by one that is set by hand."""
    now = [1_000.0]
    monkeypatch.setattr(worker_health.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def health(clock):
    assert clock
    return WorkerHealth()


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Start the app under uvicorn in a thread: `serve(database_url=...)` returns a client for it."""
    monkeypatch.chdir(tmp_path)
    running = []

    def start(**settings):
        app = create_app(ApiSettings(**settings))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, server_header=False, ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the API did not start"
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = plain_client(f"http://127.0.0.1:{port}", timeout=30)
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.close()
        server.should_exit = True
        thread.join()


@pytest.fixture
def api(serve, database_url):
    return serve(database_url=database_url)


def driver_url(url):
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def publisher(broker):
    """Publish at QoS 1 and wait for the acknowledgement: `publisher(topic, payload)`."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect(broker.host, broker.port)
    client.loop_start()

    def publish(topic, payload, *, qos=1, retain=False):
        eventually(client.is_connected)
        client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    yield publish
    client.disconnect()
    client.loop_stop()


@contextmanager
def collected(broker, topic, read=lambda payload: payload):
    """Collect the messages that the broker delivers, as (topic, what `read` makes of the payload, QoS)."""
    arrived, granted = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: granted.append(True)
    client.on_message = lambda _client, _data, message: arrived.append(
        (message.topic, read(message.payload), message.qos)
    )
    client.connect(broker.host, broker.port)
    client.loop_start()
    eventually(lambda: granted)
    yield arrived
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def receipts(broker):
    """Collect the receipts of all vehicles, as (topic, answer, QoS)."""
    with collected(broker, "vehicles/+/receipts", json.loads) as arrived:
        yield arrived


@pytest.fixture
def run_worker(monkeypatch, tmp_path, broker, database_url):
    """Start a worker in a thread: `run_worker(ingest_batch_rows=...)`; stopped and checked at the end.

    With `has_slot` it takes a slot of its group, and with it the client id, as the process does.
    """
    monkeypatch.chdir(tmp_path)
    running = []

    def start(*, has_slot=False, window=None, **settings):
        chosen = WorkerSettings(
            **{
                "database_url": database_url,
                "mqtt_host": broker.host,
                "mqtt_port": broker.port,
                "ingest_batch_ms": 20,
                **settings,
            }
        )
        new_engine = partial(writer_engine, chosen.database_url, name="test-worker")
        sources = sources_of(chosen.mqtt_sources)
        pulse, subscriber = WorkerHealth(), SubscriberWithClient(chosen, MqttClient, sources=sources)
        metrics = WorkerMetrics(subscriber, pulse)
        slot = SlotLock(chosen, StatementDeadline()) if has_slot else None
        worker = Worker(
            chosen, subscriber, new_engine, pulse, metrics, slot=slot, window=window, sources=sources
        )
        worker.pulse, worker.metrics, worker.look = pulse, metrics, metrics.tally.snapshot
        worker.subscriber = subscriber
        failures = []

        def run():
            try:
                worker.run()
            except FatalError as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        worker.failures = failures
        worker.thread = thread
        running.append((worker, thread))
        return worker

    yield start
    for worker, thread in running:
        worker.stop()
        thread.join(20)
        assert not thread.is_alive(), "the worker did not stop"


def eventually(check, within=10.0):
    """Wait until `check()` is true, and return its result; fail the test at the timeout."""
    deadline = time.monotonic() + within
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {within:g} s"
        time.sleep(0.02)
    return found
