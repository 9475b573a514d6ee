"""Workers with a broker of their own, for a measurement."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from scripts.bench.bench_error import MeasureError
from scripts.bench.database import Database, are_stored, count, empty
from scripts.bench.load import Load
from scripts.bench.work_end import await_work
from scripts.bench.workbench import Workbench
from scripts.launcher.broker import Broker
from scripts.launcher.http_client import Client
from scripts.launcher.module import Worker
from shared.settings import WorkerSettings

_GROUP = "bench"
# Empty values: the settings have their shipped defaults, regardless of the environment.
_UNSET = {name.upper(): "" for name in WorkerSettings.model_fields}
_RECEIVED = "battery_worker_messages_received_total"


class WorkerGroup:
    """A broker and its workers, which have subscribed and are idle."""

    def __init__(self, broker: Broker, workers: list[Worker], database: Database) -> None:
        self.broker = broker
        self.workers = workers
        self._database = database

    def hold(self) -> None:
        """Freeze the workers: messages published from now on are queued."""
        for worker in self.workers:
            psutil.Process(worker.pid).suspend()

    def release(self) -> None:
        """Resume the workers."""
        for worker in self.workers:
            psutil.Process(worker.pid).resume()

    def await_stored(self, load: Load) -> None:
        """Wait until each row is stored. Raises MeasureError where one is missing or too many."""
        with self._database.connect() as connection:

            def is_stored() -> bool:
                # The last row alone first: one lookup is cheaper than many, and counting is expensive.
                return are_stored(connection, load.last[-1:]) and are_stored(connection, load.last)

            await_work(is_stored, self.workers, load.rows)
            # A batch that is older than the last one may commit after it, and another worker may hold rows.
            await_work(lambda: count(connection, "telemetry") >= load.rows, self.workers, load.rows)
            if (rows := count(connection, "telemetry")) != load.rows:
                raise MeasureError(f"{load.rows:,} readings have become {rows:,} rows.")

    def shares(self) -> str:
        """Describe how many messages each worker has received, such as "4,000 + 6,000"."""
        return " + ".join(f"{_received(worker):,}" for worker in self.workers)


@contextmanager
def running_workers(
    workbench: Workbench,
    database: Database,
    *,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, str | None] | None = None,
) -> Iterator[WorkerGroup]:
    """Run workers on an empty database and a broker as shipped, but for `overrides`.

    Several workers form one group.
    """
    with database.connect() as connection:
        empty(connection)
    with workbench.fresh_folder() as folder:
        broker = Broker(folder / "mosquitto", overrides=overrides)
        members: list[Worker] = []
        try:
            broker.start()
            for number in range(workers):
                shared = {"MQTT_SHARED_GROUP": _GROUP} if workers > 1 else {}
                member = _worker(folder, number, database, broker, {**shared, **(env or {})})
                members.append(member)
                member.start()
            yield WorkerGroup(broker, members, database)
        finally:
            for member in members:
                member.kill()
            broker.kill()


def _worker(folder: Path, number: int, database: Database, broker: Broker, env: Mapping[str, str]) -> Worker:
    addresses = {"DATABASE_URL": database.url, "MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port)}
    name = {"MQTT_CLIENT_ID": f"bench-worker-{number}"}
    return Worker(log=folder / f"worker-{number}.log", env={**_UNSET, **addresses, **name, **env})


def _received(worker: Worker) -> int:
    metrics = Client(worker.base_url).text("/metrics")
    return sum(int(float(line.split()[-1])) for line in metrics.splitlines() if line.startswith(_RECEIVED))
