"""A monitor that scrapes the metrics of workers and API, as Prometheus does, and records inconsistencies."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from scripts.launcher.http_client import CallError, Client

_EVERY_S = 0.1
_PATH = "/metrics"
_TIMEOUT_S = 2.0
_MIB = 1024 * 1024
_STATES = ("stored", "duplicate", "rejected", "failed", "in_flight")


@dataclass(frozen=True, slots=True)
class Scrape:
    """The metrics of one process at one moment: readings by state, and its memory."""

    readings: Mapping[str, int]
    memory_mib: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a process's metrics; every sum is over all labels."""
        readings = dict.fromkeys(("received", *_STATES), 0)
        memory = 0.0
        for family in text_string_to_metric_families(text):
            state = family.name.partition("_readings_")[2]
            if family.name.startswith("battery_") and state in readings:
                readings[state] += int(sum(sample.value for sample in family.samples))
            elif family.name == "process_resident_memory_bytes":
                memory = family.samples[0].value / _MIB
        return cls(readings, memory)

    @property
    def adds_up(self) -> bool:
        """True if every reading received is in exactly one state."""
        return self.readings["received"] == sum(self.readings[state] for state in _STATES)


class MetricsMonitor(threading.Thread):
    """A thread that scrapes the servers at `urls` until `finish`; one that does not answer is skipped."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(name="metrics-monitor", daemon=True)
        self.scrapes = 0
        self.inconsistencies: list[str] = []
        """Scrapes that did not add up, as text."""
        self.last: dict[str, Scrape] = {}
        self.most_memory_mib: dict[str, float] = {}
        """By URL."""
        self._clients = {url: Client(url) for url in urls}
        self._finishing = threading.Event()

    def run(self) -> None:
        while not self._finishing.wait(_EVERY_S):
            self.scrape()

    def scrape(self) -> None:
        """Scrape each process once."""
        for url, client in self._clients.items():
            try:
                seen = Scrape.parse(client.text(_PATH, _TIMEOUT_S))
            except CallError:
                continue
            self.scrapes += 1
            self.last[url] = seen
            self.most_memory_mib[url] = max(self.most_memory_mib.get(url, 0), seen.memory_mib)
            if not seen.adds_up:
                self.inconsistencies.append(f"{url}: {dict(seen.readings)}")

    def finish(self) -> None:
        """Stop scraping."""
        self._finishing.set()
        if self.is_alive():
            self.join()
