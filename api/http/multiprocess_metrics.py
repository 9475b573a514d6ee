"""Metrics of several processes behind one port, added up by the process that answers a scrape.

Each process writes its metrics to a file in a shared folder: once a second, before it answers a scrape, and
when it ends. The file of an ended process still counts, or a counter would decrease; the readings that the
process had in flight count as failed. Start time, processor time, memory and files (`process_...`) are not
added up, since a sum of start times has no meaning and a sum of processor times decreases with each process
that ends: each running process has its own, labelled with its `pid`.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from shared import metric_definitions

_INTERVAL_S = 1.0
_SUFFIX = ".prom"
_FAILED = metric_definitions.API_READINGS[4].name
_IN_FLIGHT = metric_definitions.API_READINGS[5].name

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name and labels."""


@contextmanager
def metrics_dir() -> Iterator[Path]:
    """Make the folder that the processes share, for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="battery-api-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ProcessMetrics:
    """Metrics of this process and of those that share its folder; without a folder of this one alone."""

    def __init__(self, own: Callable[[], bytes], folder: Path | None) -> None:
        self._own = own
        self._folder = folder

    @asynccontextmanager
    async def publish_periodically(self) -> AsyncIterator[None]:
        """Write this process's metrics to the folder every second, for the length of the block."""
        if self._folder is None:
            yield
            return
        task = asyncio.create_task(self._write_periodically(self._folder))
        try:
            yield
        finally:
            task.cancel()
            self._write_snapshot(self._folder)

    async def _write_periodically(self, folder: Path) -> None:
        while True:
            self._write_snapshot(folder)
            await asyncio.sleep(_INTERVAL_S)

    def _write_snapshot(self, folder: Path) -> bytes:
        own = self._own()
        # Renamed when complete: another process may read the file at any moment.
        with suppress(OSError):
            part = folder / f"{os.getpid()}.part"
            part.write_bytes(own)
            part.replace(part.with_suffix(_SUFFIX))
        return own

    def text(self) -> bytes:
        """Return the metrics of all processes, each of one moment of the last second."""
        if self._folder is None:
            return self._own()
        own = self._write_snapshot(self._folder)
        others = [path for path in self._folder.glob(f"*{_SUFFIX}") if path.stem != str(os.getpid())]
        families: dict[str, Metric] = {}
        samples: dict[str, Samples] = {}
        _add(own.decode(), families, samples, pid=str(os.getpid()), is_running=True)
        for path in others:
            with suppress(OSError):
                _add(
                    path.read_text(), families, samples, pid=path.stem, is_running=_is_running(int(path.stem))
                )
        registry = CollectorRegistry()
        registry.register(_Sum(families, samples))
        return generate_latest(registry)


class _Sum(Collector):
    def __init__(self, families: dict[str, Metric], samples: dict[str, Samples]) -> None:
        self._families = families
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for name, family in self._families.items():
            total = Metric(name, family.documentation, family.type)
            for (sample, labels), value in self._samples[name].items():
                total.add_sample(sample, dict(labels), value)
            yield total


def _add(
    text: str, families: dict[str, Metric], samples: dict[str, Samples], *, pid: str, is_running: bool
) -> None:
    for family in text_string_to_metric_families(text):
        of_process = family.name.startswith("process_")
        if of_process and not is_running:
            continue
        families.setdefault(family.name, family)
        samples.setdefault(family.name, {})
        for sample in family.samples:
            family_name, name = family.name, sample.name
            if name == _IN_FLIGHT and not is_running:
                family_name, name = _FAILED, f"{_FAILED}_total"
            found = samples[family_name]
            labels = {**sample.labels, "pid": pid} if of_process else sample.labels
            key = name, tuple(sorted(labels.items()))
            found[key] = found.get(key, 0.0) + sample.value


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
