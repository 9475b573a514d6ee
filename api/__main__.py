"""`python -m api`: uvicorn with this project's settings."""

import signal

if __name__ == "__main__":
    # Until `main` sets its own handlers: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Callable, Sequence
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.http.multiprocess_metrics import metrics_dir
from api.main import create_app
from shared import logs
from shared.api_settings import ApiSettings
from shared.command import run_command
from shared.command_arguments import command_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code.

    0 stopped, 1 can't serve, 2 wrong arguments or settings.
    """
    parser = command_parser(
        "python -m api",
        "Serve the HTTP API and the dashboard, until Ctrl-C or SIGTERM. It takes no arguments; its\n"
        "settings are environment variables or lines of .env, and .env.example lists them.",
        examples=[""],
    )
    parser.parse_args(arguments)
    return run_command(ApiSettings, _run)


def _run(settings: ApiSettings) -> int:
    # uvicorn raises the signal again after its shutdown: the default action would replace the exit code.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    return _serve(settings) if settings.api_processes == 1 else _serve_with_several(settings)


def _config(settings: ApiSettings, make_app: Callable[[], FastAPI]) -> uvicorn.Config:
    return uvicorn.Config(
        make_app,
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        workers=settings.api_processes,
        # Each process that the supervisor starts applies this again.
        log_config=logs.as_config(settings.log_level, settings.log_format),
        # uvicorn's own lines would hold the query of each request; `request_trace` logs the route.
        access_log=False,
        # Otherwise any client on this machine could write its own address.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _serve(settings: ApiSettings) -> int:
    server = uvicorn.Server(_config(settings, partial(create_app, settings)))
    server.run()
    return 0 if server.started else 1


def _serve_with_several(settings: ApiSettings) -> int:
    """Serve one listening socket from several processes; a process that dies is started again."""
    with metrics_dir() as folder:
        config = _config(settings, partial(create_app, settings, metrics_folder=folder))
        supervisor = Multiprocess(config, [config.bind_socket()])
        supervisor.run()
    # The supervisor ends when a process fails to start: a restart would fail the same way.
    return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0


if __name__ == "__main__":
    sys.exit(main())
