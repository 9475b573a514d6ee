"""Our own programs as child processes: `python -m ingest_worker`, `python -m api`, ..."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.launcher.guard import ROOT
from scripts.launcher.http_client import Client
from scripts.launcher.process import Process
from scripts.launcher.server import Server

_MIGRATE_WITHIN_S = 120
_ANSWER_TIMEOUT_S = 4


def _importable(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment of a module that runs outside the checkout, and still finds our packages.

    Outside, because a stray `.env` in the checkout would change its settings.
    """
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", **(env or {})}


class Module(Process):
    """A process `python -m module arguments`, with this Python. `start()` does not wait for readiness."""

    def __init__(
        self, module: str, *arguments: str, log: Path, env: Mapping[str, str] | None = None, name: str = ""
    ) -> None:
        command = [sys.executable, "-m", module, *arguments]
        super().__init__(name or module, command, log=log, env=_importable(env))


class Migration(Module):
    """A process `python -m shared.migrate`."""

    def __init__(self, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__("shared.migrate", log=log, env=env, name="schema")

    def run(self) -> None:
        """Bring the schema of DATABASE_URL up to date. Raises LaunchError."""
        try:
            self.start()
            if self.wait(_MIGRATE_WITHIN_S) != 0:
                raise self.failure("The database's schema could not be brought up to date.")
        finally:
            self.stop()


class Worker(Server):
    """A worker; `start()` returns when it has subscribed and the database answers it."""

    def __init__(self, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__("worker", log=log, env=_importable(env))

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ingest_worker"]

    def prepare(self) -> None:
        self.env |= {"WORKER_HEALTH_HOST": self.host, "WORKER_HEALTH_PORT": str(self.port)}

    def answers(self) -> bool:
        return Client(self.base_url).answers("/ready", _ANSWER_TIMEOUT_S)


class AlertWorker(Server):
    """An alert worker; `start()` returns when it has looked at the fleet once."""

    def __init__(self, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__("alert worker", log=log, env=_importable(env))

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "alert_worker"]

    def prepare(self) -> None:
        self.env |= {"ALERT_HEALTH_HOST": self.host, "ALERT_HEALTH_PORT": str(self.port)}

    def answers(self) -> bool:
        return Client(self.base_url).answers("/ready", _ANSWER_TIMEOUT_S)


class Api(Server):
    """An API on a port of 127.0.0.1; `start()` returns when /api/health answers."""

    def __init__(
        self,
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        prefer: int | None = None,
    ) -> None:
        super().__init__("API", log=log, port=port, prefer=prefer, env=_importable(env))

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "api"]

    def prepare(self) -> None:
        self.env |= {"API_HOST": self.host, "API_PORT": str(self.port)}

    def answers(self) -> bool:
        return Client(self.base_url).answers("/api/health", _ANSWER_TIMEOUT_S)
