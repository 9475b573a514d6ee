"""Several processes behind one port: what each has counted, added up by whichever is asked.

Each leaves its metrics in a folder of theirs: once a second, before it tells them, and when it ends. What has
been told once still counts when that process is gone, or a counter would go back; the readings that it had
on their way have failed. Start time, processor time, memory and files (`process_...`) are not added up, since
a sum of start times says nothing and a sum of processor times goes back with each process that ends: each
process that runs has its own, labelled with its `pid`.
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

from shared import metrics

_EVERY_S = 1.0
_ENDING = ".prom"
_FAILED = metrics.API_READINGS[4].name
_IN_FLIGHT = metrics.API_READINGS[5].name

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""By name and labels."""


@contextmanager
def meeting_place() -> Iterator[Path]:
    """Their folder, in the process that starts them: it is there for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="battery-api-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Siblings:
    """The processes that share a folder with this one; without a folder there are none."""

    def __init__(self, own: Callable[[], bytes], folder: Path | None) -> None:
        self._own = own
        self._folder = folder

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Leave this process's metrics there, for the length of the block."""
        if self._folder is None:
            yield
            return
        task = asyncio.create_task(self._tell(self._folder))
        try:
            yield
        finally:
            task.cancel()
            self._leave(self._folder)

    async def _tell(self, folder: Path) -> None:
        while True:
            self._leave(folder)
            await asyncio.sleep(_EVERY_S)

    def _leave(self, folder: Path) -> bytes:
        own = self._own()
        # Whole or not at all, for whoever reads meanwhile.
        with suppress(OSError):
            part = folder / f"{os.getpid()}.part"
            part.write_bytes(own)
            part.replace(part.with_suffix(_ENDING))
        return own

    def text(self) -> bytes:
        """The metrics of all of them, each as it was at one moment of the last second."""
        if self._folder is None:
            return self._own()
        own = self._leave(self._folder)
        others = [path for path in self._folder.glob(f"*{_ENDING}") if path.stem != str(os.getpid())]
        families: dict[str, Metric] = {}
        numbers: dict[str, Numbers] = {}
        _add(own.decode(), families, numbers, pid=str(os.getpid()), runs=True)
        for path in others:
            with suppress(OSError):
                _add(path.read_text(), families, numbers, pid=path.stem, runs=_runs(int(path.stem)))
        registry = CollectorRegistry()
        registry.register(_Sum(families, numbers))
        return generate_latest(registry)


class _Sum(Collector):
    def __init__(self, families: dict[str, Metric], numbers: dict[str, Numbers]) -> None:
        self._families = families
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        for name, family in self._families.items():
            total = Metric(name, family.documentation, family.type)
            for (sample, labels), value in self._numbers[name].items():
                total.add_sample(sample, dict(labels), value)
            yield total


def _add(
    text: str, families: dict[str, Metric], numbers: dict[str, Numbers], *, pid: str, runs: bool
) -> None:
    for family in text_string_to_metric_families(text):
        of_process = family.name.startswith("process_")
        if of_process and not runs:
            continue
        families.setdefault(family.name, family)
        numbers.setdefault(family.name, {})
        for sample in family.samples:
            of, name = family.name, sample.name
            if name == _IN_FLIGHT and not runs:
                of, name = _FAILED, f"{_FAILED}_total"
            found = numbers[of]
            labels = {**sample.labels, "pid": pid} if of_process else sample.labels
            key = name, tuple(sorted(labels.items()))
            found[key] = found.get(key, 0.0) + sample.value


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
