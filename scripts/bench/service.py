"""A small reference service, started with the same settings of uvicorn as our API."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from scripts.launcher.guard import ROOT
from scripts.launcher.server import Server
from shared.command_arguments import command_parser, whole_number


class Service(Server):
    """A process `python -m scripts.bench.MODULE PORT ARGUMENTS`; the module calls `serve`."""

    def __init__(self, module: str, *arguments: str, log: Path) -> None:
        super().__init__(module, log=log, env={"PYTHONPATH": str(ROOT)})
        self._module = f"scripts.bench.{module}"
        self._arguments = arguments

    def command(self) -> list[str]:
        return [sys.executable, "-m", self._module, str(self.port), *self._arguments]


def service_arguments(module: str, *more: str) -> list[str]:
    """Parse the port and further arguments of a service; wrong ones end the process with status 2."""
    parser = command_parser(
        f"python -m scripts.bench.{module}",
        "A small service that our API is compared with. The benchmarks start it.",
        examples=[" ".join(["8001", *more])],
    )
    parser.add_argument("port", type=whole_number(1, 65_535), metavar="PORT")
    for name in more:
        parser.add_argument(name.lower(), metavar=name)
    return [str(value) for value in vars(parser.parse_args()).values()]


def serve(app: FastAPI, port: int) -> None:
    """Serve until SIGTERM, without the parts that `api/__main__.py` leaves out, too."""
    uvicorn.run(app, host=Service.host, port=port, log_config=None, access_log=False, server_header=False)
