"""The whole system on one machine: PostgreSQL, Mosquitto, schema, both workers and API."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.launcher.broker import Broker
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import AlertWorker, Api, Migration, Worker
from scripts.launcher.postgres import Postgres
from scripts.launcher.process import Process

DATABASE = "battery"


def _quiet(_name: str, _step: Callable[[], str]) -> None:
    _step()


class Stack:
    """The servers, started in order and stopped in reverse; also a context manager.

    Files lie in `folder`, logs in `folder/logs`. With `database_url` that database is used and `postgres` is
    None; with `mqtt` = (host, port) that broker is used and `broker` is None; its user name, password and
    certificate are then read from the environment as usual. `env` is merged into the environment of migrate,
    workers and API. `postgres_settings` and `broker_overrides` are for tests. `prefer` names ports to use
    when they are free: {"postgres": 5434, "broker": 1883, "api": 8000}. `show` is called with each name and
    the step to run, which returns a few words about its result.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str | None = None,
        mqtt: tuple[str, int] | None = None,
        env: Mapping[str, str] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        broker_overrides: Mapping[str, str | None] | None = None,
        prefer: Mapping[str, int] | None = None,
        show: Callable[[str, Callable[[], str]], None] = _quiet,
    ) -> None:
        folder = folder.absolute()
        self.logs = folder / "logs"
        preferred = dict(prefer or {})
        self.postgres: Postgres | None = None
        self.broker: Broker | None = None
        if database_url is None:
            self.postgres = Postgres(
                folder / "postgres",
                settings=postgres_settings,
                prefer=preferred.get("postgres"),
                log=self.logs / "postgres.log",
            )
        if mqtt is None:
            self.broker = Broker(
                folder / "mosquitto",
                overrides=broker_overrides,
                prefer=preferred.get("broker"),
                log=self.logs / "mosquitto.log",
            )
        self.worker = Worker(log=self.logs / "worker.log", env=env)
        self.alert_worker = AlertWorker(log=self.logs / "alert_worker.log", env=env)
        self.api = Api(log=self.logs / "api.log", env=env, prefer=preferred.get("api"))
        self._migrate = Migration(log=self.logs / "migrate.log", env=env)
        self._database_url = database_url
        self._mqtt = mqtt
        self._show = show

    @property
    def base_url(self) -> str:
        return self.api.base_url

    @property
    def database_url(self) -> str:
        """The database's URL; known once PostgreSQL has started."""
        if self.postgres is None:
            return self._database_url or ""
        return self.postgres.url(DATABASE)

    @property
    def mqtt(self) -> tuple[str, int]:
        """Host and port of the broker; known once it has started."""
        if self.broker is None:
            return self._mqtt or ("localhost", 1883)
        return self.broker.host, self.broker.port

    def start(self) -> None:
        """Start all servers, or stop the started ones and raise LaunchError."""
        try:
            if self.postgres is not None:
                self._show("PostgreSQL", self._start_postgres)
            if self.broker is not None:
                self._show("Mosquitto", self._start_broker)
            self._hand_out_addresses()
            self._show("schema", self._bring_schema_up_to_date)
            self._show("worker", self._start_worker)
            self._show("alert worker", self._start_alert_worker)
            self._show("API", self._start_api)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all servers, the last started first, also where a stop takes a kill."""
        for process in reversed(list(self.processes())):
            process.stop()

    def processes(self) -> Iterator[Process]:
        """Yield all processes in the order of their start."""
        if self.postgres is not None:
            yield self.postgres
        if self.broker is not None:
            yield self.broker
        yield self._migrate
        yield self.worker
        yield self.alert_worker
        yield self.api

    def check(self) -> None:
        """Raise LaunchError when a server has died."""
        for process in self.processes():
            if process is not self._migrate and not process.alive:
                raise process.failure(f"{process.name} has died (exit code {process.returncode}).")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_postgres(self) -> str:
        if self.postgres is None:
            raise LaunchError("This stack uses a database that it did not start.")
        self.postgres.start()
        self.postgres.create_database(DATABASE)
        return f"{self.postgres.host}:{self.postgres.port}"

    def _start_broker(self) -> str:
        if self.broker is None:
            raise LaunchError("This stack uses a broker that it did not start.")
        self.broker.start()
        return f"{self.broker.host}:{self.broker.port}"

    def _hand_out_addresses(self) -> None:
        host, port = self.mqtt
        addresses = {"DATABASE_URL": self.database_url, "MQTT_HOST": host, "MQTT_PORT": str(port)}
        if self.broker is not None:
            # Values in the environment are meant for another broker.
            unset = ("MQTT_USERNAME", "MQTT_PASSWORD", "MQTT_TLS_CA_FILE")
            addresses |= {name: self.worker.env.get(name, "") for name in unset}
        for process in (self._migrate, self.worker, self.alert_worker, self.api):
            process.env |= addresses

    def _bring_schema_up_to_date(self) -> str:
        self._migrate.run()
        return "up to date"

    def _start_worker(self) -> str:
        self.worker.start()
        return "listens to vehicles/+/telemetry"

    def _start_alert_worker(self) -> str:
        self.alert_worker.start()
        return "looks for episodes in what arrives"

    def _start_api(self) -> str:
        self.api.start()
        return self.base_url
