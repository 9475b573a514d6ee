"""The most memory that a program has held."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

_MIB = 1024 * 1024
_LOOK_S = 0.05


def peak_mib(pid: int) -> float:
    """Return the peak resident memory in MiB since the start, or the present one where /proc is missing."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float(psutil.Process(pid).memory_info().rss) / _MIB
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class PeakMemory(threading.Thread):
    """A context manager that records the peak memory of programs, also of those that end within the block.

    Their children count, too, if they run when the block begins.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(name="peak-memory", daemon=True)
        roots = [psutil.Process(pid) for pid in pids]
        children = [child.pid for root in roots for child in root.children(recursive=True)]
        self._peaks = dict.fromkeys([*pids, *children], 0.0)
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.join()

    @property
    def mib(self) -> float:
        """The sum of the peaks, in MiB."""
        return sum(self._peaks.values())

    def run(self) -> None:
        while True:
            is_last = self._ending.is_set()
            for pid in self._peaks:
                # An ended process that its parent has not awaited has no figure in /proc.
                with suppress(psutil.Error, StopIteration):
                    self._peaks[pid] = peak_mib(pid)
            if is_last:
                return
            self._ending.wait(_LOOK_S)
