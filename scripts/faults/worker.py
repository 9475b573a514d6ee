"""The worker under test: the real one, or one with a single defect."""

import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from scripts.launcher.http_client import CallError, Client
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import Worker

_TOTALS = re.compile(
    r"Stopped: (\d+) readings received, (\d+) stored, (\d+) duplicate, (\d+) rejected", re.ASCII
)

_TIMEOUT_S = 2.0


class WorkerTotals(NamedTuple):
    """The totals of readings that a worker logs when it ends."""

    received: int
    stored: int
    duplicate: int
    rejected: int

    @property
    def adds_up(self) -> bool:
        """True if every reading has ended in one state; none is in flight at an end."""
        return self.received == self.stored + self.duplicate + self.rejected


class FaultWorker(Worker):
    """A worker that can be frozen; `variant` names one of broken_worker.py, "" is the real one."""

    def __init__(self, *, log: Path, env: Mapping[str, str], variant: str = "") -> None:
        super().__init__(log=log, env=env)
        self._variant = variant

    def command(self) -> list[str]:
        real = super().command()
        return [*real[:-1], "scripts.faults.broken_worker", self._variant] if self._variant else real

    def freeze(self) -> None:
        """Stop the process with its sockets open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the process (SIGCONT); no effect on a running one."""
        with suppress(LaunchError, ProcessLookupError):
            self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        """Read the log of all of its starts."""
        with suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def recognised(self, source: str) -> int:
        """Return the number of a source's messages that this process recognised as stored before."""
        sample = {"source": source, "outcome": "repeated"}
        with suppress(CallError):
            for family in text_string_to_metric_families(Client(self.base_url).text("/metrics", _TIMEOUT_S)):
                for each in family.samples:
                    if each.labels == sample:
                        return int(each.value)
        return 0

    def totals(self) -> list[WorkerTotals]:
        """Return the totals of each process that ended by itself, in order."""
        return [WorkerTotals(*map(int, found)) for found in _TOTALS.findall(self.log_text())]

    def _signal(self, number: int) -> None:
        if self._child is not None:
            self._child.send_signal(number)
