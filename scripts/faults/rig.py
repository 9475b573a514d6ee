"""The rig of one run: broker, workers, proxies, publisher and poster."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.faults.confirming_publisher import ConfirmingPublisher
from scripts.faults.dialect_publisher import DialectPublisher
from scripts.faults.dialect_values import MAPPING
from scripts.faults.journal import Journal
from scripts.faults.journaled_publisher import Publisher
from scripts.faults.metrics_monitor import MetricsMonitor
from scripts.faults.poster import Poster
from scripts.faults.proxy import Proxy
from scripts.faults.site import Site
from scripts.faults.torn_publisher import TornPublisher
from scripts.faults.wiring import Wiring
from scripts.faults.worker import FaultWorker
from scripts.launcher.broker import Broker

POSTS_A_SECOND = 10.0
_READY_WITHIN_S = 30.0
_SUBSCRIBED = "Subscribed to"


class Rig:
    """A context manager that starts and stops a run's servers; those of `site` are shared with other runs.

    `scale` shortens the waits of faults, `rate` is in readings a second, `first` the first number.
    """

    def __init__(
        self, site: Site, folder: Path, wiring: Wiring, *, seed: int, rate: float, scale: float, first: int
    ) -> None:
        self.site = site
        self.folder = folder
        self.random = random.Random(seed)  # noqa: S311 - chooses moments, guards no secret
        self.complaints: list[str] = []
        self.notes: list[str] = []
        self.excuses: list[tuple[float, float]] = []
        self.broker_ends: list[float] = []
        self.back_within = _READY_WITHIN_S
        self._wiring = wiring
        self.scale = scale
        self._rate = rate
        self.first = first
        self.more_journals: list[Journal] = []
        self.broker = Broker(folder / "mosquitto", overrides=wiring.broker)
        self._mapping = folder / "sources.toml"
        self.database_proxy: Proxy | None = None
        self.broker_proxy: Proxy | None = None
        self.workers: list[FaultWorker] = []
        self.publisher: Publisher | None = None
        self.poster: Poster | None = None
        self.monitor: MetricsMonitor | None = None

    @property
    def worker(self) -> FaultWorker:
        return self.workers[0]

    def __enter__(self) -> Self:
        try:
            self.broker.start()
            self._open_proxies()
            if self._wiring.dialects:
                self._mapping.write_text(MAPPING, encoding="utf-8")
            for place, variant in enumerate(self._wiring.variants):
                worker = self._make_worker(place, variant)
                self.workers.append(worker)
                worker.start()
            self.monitor = MetricsMonitor(
                [*(worker.base_url for worker in self.workers), self.site.api.base_url]
            )
            self.monitor.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything at once; the results have been read by then."""
        for sender in (self.publisher, self.poster):
            if sender is not None:
                sender.abandon()
        if self.monitor is not None:
            self.monitor.finish()
        for worker in self.workers:
            worker.resume()
            worker.kill()
        self.broker.kill()
        for proxy in (self.database_proxy, self.broker_proxy):
            if proxy is not None:
                proxy.close()

    def start_load(self) -> Publisher:
        """Begin to publish and to post; returns at once."""
        kind: type[Publisher] = ConfirmingPublisher if self._wiring.confirm else Publisher
        if self._wiring.torn:
            kind = TornPublisher
        if self._wiring.dialects:
            kind = DialectPublisher
        self.publisher = kind(
            self.broker.host,
            self.broker.port,
            first=self.first,
            rate=self._rate,
            poison_every=self._wiring.poison_every,
        )
        self.poster = Poster(self.site.api.base_url, first=self.first, rate=POSTS_A_SECOND)
        self.publisher.start()
        self.poster.start()
        return self.publisher

    def finish_load(self) -> None:
        """Stop sending, and wait for the last acknowledgements."""
        if self.poster is not None:
            self.poster.finish()
        if self.publisher is not None:
            self.publisher.finish()

    @property
    def journals(self) -> list[Journal]:
        found = [sender.journal for sender in (self.publisher, self.poster) if sender is not None]
        for other in self.more_journals:
            # One journal for each channel: readings of another client on it are not unexpected.
            for journal in found:
                if journal.channel == other.channel:
                    journal.sent |= other.sent
                    journal.acknowledged |= other.acknowledged
        return found

    @property
    def last_number(self) -> int | None:
        """The number of the last message published."""
        return self.publisher.last if self.publisher is not None else None

    @property
    def most_memory_mib(self) -> float:
        """The most memory that any worker has had."""
        memory = self.monitor.most_memory_mib if self.monitor is not None else {}
        return max((memory.get(worker.base_url, 0) for worker in self.workers), default=0)

    def pause(self, least: float = 0.3, most: float = 1.0) -> None:
        """Wait for a random time, a shorter one in a short form."""
        time.sleep(self.random.uniform(least, most) * max(self.scale, 0.4))

    def hold(self, seconds: float) -> None:
        """Wait while a state lasts, shorter in a short form."""
        time.sleep(seconds * self.scale)

    def excuse(self, begin: float, end: float) -> None:
        """Record that the broker may lose, by its configuration, messages acknowledged in this interval."""
        self.excuses.append((begin, end))

    def restart_broker(self, end: Callable[[], object]) -> None:
        """End the broker, start it again, and wait until every worker has subscribed to the new one.

        Read from the workers' logs: their readiness is out of date while they wait for the database.
        """
        known = [worker.log_text().count(_SUBSCRIBED) for worker in self.workers]
        self.broker_ends.append(time.monotonic())
        end()
        self.broker.start()
        deadline = time.monotonic() + self.back_within
        while any(
            worker.alive and worker.log_text().count(_SUBSCRIBED) <= before
            for worker, before in zip(self.workers, known, strict=True)
        ):
            if time.monotonic() > deadline:
                self.complaints.append("a worker did not subscribe again")
                return
            time.sleep(0.05)

    def await_trace(self, text: str, within: float = 15.0) -> None:
        """Wait until a worker's log holds the text, for `within` seconds at the most."""
        deadline = time.monotonic() + within
        while not self.count_in_logs(text) and time.monotonic() < deadline:
            time.sleep(0.1)

    def count_in_logs(self, text: str) -> int:
        """Count the occurrences of the text in the workers' logs."""
        return sum(worker.log_text().count(text) for worker in self.workers)

    def _open_proxies(self) -> None:
        if self._wiring.database_by_proxy:
            postgres = self.site.postgres
            self.database_proxy = Proxy(postgres.host, postgres.port)
        if self._wiring.broker_by_proxy:
            self.broker_proxy = Proxy(self.broker.host, self.broker.port)

    def _make_worker(self, place: int, variant: str) -> FaultWorker:
        database_url = self.site.database_url
        if self.database_proxy is not None:
            database_url = database_url.replace(
                f":{self.site.postgres.port}/", f":{self.database_proxy.port}/"
            )
        broker = self.broker_proxy or self.broker
        env = {
            "DATABASE_URL": database_url,
            "MQTT_HOST": broker.host,
            "MQTT_PORT": str(broker.port),
            "MQTT_CLIENT_ID": f"fault-worker-{place}",
            "MQTT_SHARED_GROUP": "fleet" if self._wiring.shared_group else "",
            "MQTT_SOURCES": str(self._mapping) if self._wiring.dialects else "",
            **dict.fromkeys(("MQTT_USERNAME", "MQTT_PASSWORD", "MQTT_TLS_CA_FILE"), ""),
        }
        return FaultWorker(log=self.folder / f"worker-{place}.log", env=env, variant=variant)
