"""The command `python -m ingest_worker`: settings, signals, exit code."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from ingest_worker.broker_window import BrokerWindow
from ingest_worker.database_deadline import StatementDeadline
from ingest_worker.fatal_errors import FatalError
from ingest_worker.hour_closer import HourCloser
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.slot import SlotLock
from ingest_worker.subscriber import Subscriber
from ingest_worker.time_limits import STOP_S
from ingest_worker.worker import Worker
from ingest_worker.worker_health import WorkerHealth
from shared.command import run_command
from shared.command_arguments import command_parser
from shared.settings import WorkerSettings
from shared.sources.mapping_file import sources_of
from shared.status_server import StatusServer
from shared.stop_signals import stop_on_signal
from shared.storage.engine import writer_engine

log = logging.getLogger("ingest_worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker and return its exit code: 0 stopped, 1 can't go on, 2 wrong arguments or settings."""
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
        new_engine = partial(writer_engine, settings.database_url, name=settings.mqtt_client_id)
        health = WorkerHealth()
        sources = sources_of(settings.mqtt_sources)
        subscriber = Subscriber(settings, sources=sources)
        metrics = WorkerMetrics(subscriber, health)
        if settings.worker_health_port is not None:
            server = _status_server(health, metrics, settings.worker_health_host, settings.worker_health_port)
            server.start()
            stack.callback(server.stop)
        slot = SlotLock(settings, StatementDeadline(on_wait=health.beat))
        worker = Worker(
            settings,
            subscriber,
            new_engine,
            health,
            metrics,
            slot=slot,
            window=BrokerWindow(settings),
            sources=sources,
        )
        closer = HourCloser(settings, tell_due=metrics.set_hours_due)

        def stop() -> None:
            worker.stop()
            closer.stop_soon()

        # Messages that are not stored by then come again.
        stop_on_signal(stop, within_s=STOP_S)
        closer.start()
        stack.callback(closer.stop)
        worker.run()
    return 0


def _status_server(health: WorkerHealth, metrics: WorkerMetrics, host: str, port: int) -> StatusServer:
    try:
        return StatusServer(health, metrics, host, port)
    except OSError as error:
        raise FatalError(f"WORKER_HEALTH_PORT: can't listen on {host}:{port}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
