"""`python -m ingest_worker`: settings in, signals wired, exit code out."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType

from ingest_worker.errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.pulse import Pulse
from ingest_worker.status_server import StatusServer
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker import Worker
from shared.arguments import command_parser
from shared.command import run_command
from shared.database import writer_engine
from shared.settings import WorkerSettings

log = logging.getLogger("ingest_worker")

_PATIENCE_S = 9.0


def _stop_on_signal(worker: Worker) -> None:
    """The first signal asks for a clean end; a second one, or too long a wait, ends it at once."""
    asked = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        worker.stop()
        # A server that hangs would hold the last flush up for ever; what is not stored comes again.
        last_resort = threading.Timer(_PATIENCE_S, os._exit, [1])
        last_resort.daemon = True
        last_resort.start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker; returns the exit code: 0 stopped, 1 can't go on, 2 wrong arguments or settings."""
    parser = command_parser(
        "python -m ingest_worker",
        "Store what vehicles publish over MQTT, until Ctrl-C or SIGTERM. It takes no arguments; its\n"
        "settings are environment variables or lines of .env, and .env.example lists them.",
        examples=[""],
    )
    parser.parse_args(arguments)
    return run_command(WorkerSettings, _run)


def _run(settings: WorkerSettings) -> int:
    try:
        return _store(settings)
    except FatalError as error:
        log.error("%s", error)  # noqa: TRY400 - a sentence for the operator, not a trace
        return 1


def _store(settings: WorkerSettings) -> int:
    with ExitStack() as stack:
        engine = writer_engine(settings.database_url, name=settings.mqtt_client_id)
        stack.callback(engine.dispose)
        pulse = Pulse()
        subscriber = _subscriber(settings)
        metrics = WorkerMetrics(subscriber, pulse)
        if settings.worker_health_port is not None:
            server = _status_server(pulse, metrics, settings.worker_health_host, settings.worker_health_port)
            server.start()
            stack.callback(server.stop)
        worker = Worker(settings, subscriber, engine, pulse, metrics)
        _stop_on_signal(worker)
        worker.run()
    return 0


def _status_server(pulse: Pulse, metrics: WorkerMetrics, host: str, port: int) -> StatusServer:
    try:
        return StatusServer(pulse, metrics, host, port)
    except OSError as error:
        raise FatalError(f"WORKER_HEALTH_PORT: can't listen on {host}:{port}: {error.strerror}") from None


def _subscriber(settings: WorkerSettings) -> Subscriber:
    try:
        return Subscriber(settings)
    except OSError as error:
        raise FatalError(f"MQTT_TLS_CA_FILE: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
