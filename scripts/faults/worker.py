"""The worker under test: the real one, or one with a single thing broken."""

import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import Worker

_TALLY = re.compile(
    r"Stopped: (\d+) readings received, (\d+) stored, (\d+) duplicate, (\d+) rejected", re.ASCII
)


class Account(NamedTuple):
    """What a worker says of itself when it ends, in readings."""

    received: int
    stored: int
    duplicate: int
    rejected: int

    @property
    def adds_up(self) -> bool:
        """Whether every reading has ended in one state; nothing is in flight at an end."""
        return self.received == self.stored + self.duplicate + self.rejected


class FaultWorker(Worker):
    """`variant` names a broken worker of broken_worker.py; empty is the real one."""

    def __init__(self, *, log: Path, env: Mapping[str, str], variant: str = "") -> None:
        super().__init__(log=log, env=env)
        self._variant = variant

    @property
    def metrics_url(self) -> str:
        return f"http://{self.host}:{self.port}/metrics"

    def command(self) -> list[str]:
        real = super().command()
        return [*real[:-1], "scripts.faults.broken_worker", self._variant] if self._variant else real

    def freeze(self) -> None:
        """SIGSTOP: it stands still with its sockets open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT; one that runs is left alone."""
        with suppress(LaunchError, ProcessLookupError):
            self._signal(signal.SIGCONT)

    def story(self) -> str:
        """Its whole log, over every life."""
        with suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def accounts(self) -> list[Account]:
        """What each life that ended by itself counted, in their order."""
        return [Account(*map(int, found)) for found in _TALLY.findall(self.story())]

    def _signal(self, number: int) -> None:
        if self._child is not None:
            self._child.send_signal(number)
