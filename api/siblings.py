"""Several processes behind one port: what each has counted, added up by whichever is asked.

Each leaves its metrics in a folder of theirs, once a second and when it ends. What a process that is gone has
counted still counts, or a counter would go back; the readings it had on their way have failed.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property
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


def _folder(parent: int) -> Path:
    return Path(tempfile.gettempdir()) / f"battery-api-{parent}"


@contextmanager
def meeting_place() -> Iterator[None]:
    """In the process that starts the others: their folder is there for the length of the block."""
    folder = _folder(os.getpid())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Siblings:
    """The processes that share a parent with this one; none where nobody has made them a folder."""

    def __init__(self, own: Callable[[], bytes]) -> None:
        self._own = own

    # Not when the app is made: looking for the folder of temporary files tries to write there.
    @cached_property
    def _folder(self) -> Path:
        return _folder(os.getppid())

    @cached_property
    def _file(self) -> Path:
        return self._folder / f"{os.getpid()}{_ENDING}"

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Leave this process's metrics there, for the length of the block."""
        if not self._folder.is_dir():
            yield
            return
        task = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            task.cancel()
            self._write()

    async def _tell(self) -> None:
        while True:
            self._write()
            await asyncio.sleep(_EVERY_S)

    def _write(self) -> None:
        # Whole or not at all, for whoever reads meanwhile.
        with suppress(OSError):
            part = self._file.with_suffix(".part")
            part.write_bytes(self._own())
            part.replace(self._file)

    def text(self) -> bytes:
        """The metrics of all of them, each as it was at one moment of the last second."""
        others = [path for path in self._folder.glob(f"*{_ENDING}") if path != self._file]
        if not others:
            return self._own()
        families: dict[str, Metric] = {}
        numbers: dict[str, Numbers] = {}
        _add(self._own().decode(), families, numbers, runs=True)
        for path in others:
            with suppress(OSError):
                _add(path.read_text(), families, numbers, runs=_runs(int(path.stem)))
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


def _add(text: str, families: dict[str, Metric], numbers: dict[str, Numbers], *, runs: bool) -> None:
    for family in text_string_to_metric_families(text):
        # Memory and files of a process go with it.
        if not runs and family.name.startswith("process_"):
            continue
        families.setdefault(family.name, family)
        for sample in family.samples:
            of, name = family.name, sample.name
            if name == _IN_FLIGHT and not runs:
                of, name = _FAILED, f"{_FAILED}_total"
            found = numbers.setdefault(of, {})
            key = name, tuple(sorted(sample.labels.items()))
            found[key] = found.get(key, 0.0) + sample.value


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
