"""The worker with a backlog: what it costs to answer each message."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psutil  # type: ignore[import-untyped]
import psycopg

from scripts.bench import packets, publisher, reading
from scripts.bench.benchmark import Benchmark
from scripts.bench.consumer import Consumer
from scripts.bench.database import database
from scripts.bench.workbench import Workbench
from scripts.launcher.broker import Broker
from scripts.launcher.module import Worker
from shared.topics import receipts_topic, telemetry_topic

_TICK_S = 0.01
_PATIENCE_S = 60.0
_SLOWEST_A_SECOND = 200
_IS_STORED = "SELECT 1 FROM telemetry WHERE vin = %s AND ts = %s"
_UNSET = ("MQTT_USERNAME", "MQTT_PASSWORD", "MQTT_TLS_CA_FILE", "MQTT_CLIENT_ID", "MQTT_SHARED_GROUP")
_PLAIN, _CONFIRM = "vehicles/{vin}/telemetry", "vehicles/{vin}/telemetry/confirm"


def _run(workbench: Workbench) -> None:
    settings = workbench.postgres_settings
    with workbench.fresh_folder() as folder, database(folder, settings) as url:
        workbench.compare(
            f"a worker works off {workbench.messages:,} messages of one reading, broker as shipped",
            "messages/s",
            {
                _PLAIN: partial(_rate, workbench, url, confirm=False),
                _CONFIRM: partial(_rate, workbench, url, confirm=True),
            },
        )


RECEIPTS = Benchmark(
    "receipts", "messages/s that a worker stores from a backlog, without receipts and with one for each", _run
)


def _rate(workbench: Workbench, url: str, *, confirm: bool) -> float:
    """From the moment the worker may begin until all is stored and every receipt has arrived."""
    messages = workbench.messages
    with (
        psycopg.connect(url, autocommit=True) as connection,
        _idle(workbench, url) as (broker, worker),
        Consumer(broker, "bench-vehicles", [receipts_topic("+")]) as vehicles,
    ):
        connection.execute("TRUNCATE telemetry, vehicle_latest, rejections")
        # Frozen, it begins with nothing but the backlog to do; its start is no part of the figure.
        process = psutil.Process(worker.pid)
        process.suspend()
        publisher.send(broker, _publications(messages, confirm=confirm))
        began = time.monotonic()
        process.resume()
        within = _PATIENCE_S + messages / _SLOWEST_A_SECOND
        # One worker stores in the order of arrival: with the last one, all are there.
        last = reading.key(messages - 1)
        _await(lambda: bool(connection.execute(_IS_STORED, last).fetchone()), worker, within)
        if confirm:
            _await(lambda: vehicles.received >= messages, worker, within)
        rate = messages / (time.monotonic() - began)
        counts = connection.execute("SELECT count(*) FROM telemetry").fetchone()
        # More receipts than messages: the link was lost meanwhile, and some came twice.
        found = (counts and counts[0], vehicles.received)
        if found != (messages, messages if confirm else 0):
            rows, receipts = found
            raise worker.failure(f"{messages:,} messages became {rows} rows and {receipts} receipts.")
    return rate


@contextmanager
def _idle(workbench: Workbench, url: str) -> Iterator[tuple[Broker, Worker]]:
    """A broker as shipped, and a worker that has subscribed and has nothing to do."""
    with workbench.fresh_folder() as folder:
        broker = Broker(folder / "mosquitto")
        try:
            broker.start()
            env = {
                "DATABASE_URL": url,
                "MQTT_HOST": broker.host,
                "MQTT_PORT": str(broker.port),
                **dict.fromkeys(_UNSET, ""),
            }
            worker = Worker(log=folder / "worker.log", env=env)
            try:
                worker.start()
                yield broker, worker
            finally:
                worker.kill()
        finally:
            broker.kill()


def _publications(messages: int, *, confirm: bool) -> list[bytes]:
    return [
        packets.publish(
            telemetry_topic(reading.key(number).vin, confirm=confirm), reading.payload(number), number
        )
        for number in range(messages)
    ]


def _await(is_so: Callable[[], bool], worker: Worker, within: float) -> None:
    began = time.monotonic()
    while not is_so():
        if not worker.alive or time.monotonic() - began > within:
            raise worker.failure("The worker has not worked off its backlog.")
        time.sleep(_TICK_S)
