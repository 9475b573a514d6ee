"""A small service that our API is compared with, started by the same settings of uvicorn as ours."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from scripts.launcher.guard import ROOT
from scripts.launcher.server import Server


class Service(Server):
    """`python -m scripts.bench.MODULE PORT ARGUMENTS`; the module calls `serve`."""

    def __init__(self, module: str, *arguments: str, log: Path) -> None:
        super().__init__(module, log=log, env={"PYTHONPATH": str(ROOT)})
        self._module = f"scripts.bench.{module}"
        self._arguments = arguments

    def command(self) -> list[str]:
        return [sys.executable, "-m", self._module, str(self.port), *self._arguments]


def serve(app: FastAPI, port: int) -> None:
    """Until SIGTERM; what is left out here is left out in `api/__main__.py`, too."""
    uvicorn.run(app, host=Service.host, port=port, log_config=None, access_log=False, server_header=False)
