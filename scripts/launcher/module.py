"""Our own programs as children: `python -m ingest_worker`, `python -m api`, ..."""

import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from scripts.launcher.guard import ROOT
from scripts.launcher.process import Process
from scripts.launcher.server import Server

_MIGRATE_WITHIN_S = 120


def _importable(env: Mapping[str, str] | None) -> dict[str, str]:
    """They run in another folder than the checkout (no stray `.env`), and find the packages all the same."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", **(env or {})}


class Module(Process):
    """`python -m module arguments`, with this Python. `start()` does not wait for anything."""

    def __init__(
        self, module: str, *arguments: str, log: Path, env: Mapping[str, str] | None = None, name: str = ""
    ) -> None:
        command = [sys.executable, "-m", module, *arguments]
        super().__init__(name or module, command, log=log, env=_importable(env))


class Migration(Module):
    """`python -m shared.migrate`."""

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
    """`python -m ingest_worker`; `start()` returns when it has subscribed and the database answers it."""

    def __init__(self, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__("worker", log=log, env=_importable(env))

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ingest_worker"]

    def prepare(self) -> None:
        self.env |= {"WORKER_HEALTH_HOST": self.host, "WORKER_HEALTH_PORT": str(self.port)}

    def answers(self) -> bool:
        return _get(f"http://{self.host}:{self.port}/ready") is not None


class Api(Server):
    """`python -m api` on a port of 127.0.0.1; `start()` returns when /api/health answers."""

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
        return _get(f"{self.base_url}/api/health") is not None


def _get(url: str) -> bytes | None:
    """The body of a good answer, or None."""
    # A proxy has no business between us and our own child.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as refused:
        refused.close()
    except (OSError, http.client.HTTPException):
        pass
    return None
