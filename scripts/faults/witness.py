"""Looks at the metrics of workers and API all the time, as Prometheus would, and notes what is not true."""

import threading
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

_EVERY_S = 0.1
_MIB = 1024 * 1024
_STATES = ("stored", "duplicate", "rejected", "failed", "in_flight")


@dataclass(frozen=True, slots=True)
class Look:
    """What one process told at one moment: readings by state, and its memory."""

    readings: Mapping[str, int]
    memory_mib: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a process's metrics; every sum is over all labels."""
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
        """Whether every reading that was received is in exactly one state."""
        return self.readings["received"] == sum(self.readings[state] for state in _STATES)


class Witness(threading.Thread):
    """Scrapes each of `urls` until `finish`. Processes that are away or just starting say nothing."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(name="witness", daemon=True)
        self.looks = 0
        self.wrong: list[str] = []
        """What did not add up."""
        self.last: dict[str, Look] = {}
        self.most_memory_mib: dict[str, float] = {}
        """By URL."""
        self._urls = urls
        self._finishing = threading.Event()
        # A proxy of the machine's has no business between us and our own child.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def run(self) -> None:
        while not self._finishing.wait(_EVERY_S):
            self.look()

    def look(self) -> None:
        """Ask each process once."""
        for url in self._urls:
            try:
                with self._opener.open(url, timeout=2) as answer:
                    seen = Look.parse(answer.read().decode())
            except OSError:
                continue
            self.looks += 1
            self.last[url] = seen
            self.most_memory_mib[url] = max(self.most_memory_mib.get(url, 0), seen.memory_mib)
            if not seen.adds_up:
                self.wrong.append(f"{url}: {dict(seen.readings)}")

    def finish(self) -> None:
        """Look no more."""
        self._finishing.set()
        if self.is_alive():
            self.join()
