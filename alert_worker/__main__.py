"""The command `python -m alert_worker`: settings, signals, exit code."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import uuid4

from alert_worker.alert_health import AlertHealth
from alert_worker.alert_loop import AlertWorker
from alert_worker.alert_metrics import AlertMetrics
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.routes.message_sender import MessageSender
from alert_worker.routes.routes_file import RoutesError
from alert_worker.routes.targets import load_plan
from alert_worker.shares import Shares
from shared.command import run_command
from shared.command_arguments import command_parser, complain
from shared.settings import AlertSettings
from shared.status_server import StatusServer
from shared.stop_signals import stop_on_signal
from shared.storage.engine import writer_engine

STOP_S = 9.0
"""Time from a signal until the end of the process."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker and return its exit code: 0 stopped, 1 can't go on, 2 wrong arguments or settings."""
    parser = command_parser(
        "python -m alert_worker",
        "Find episodes in what vehicles send, and keep the list of them, until Ctrl-C or SIGTERM. It takes\n"
        "no arguments; its settings are environment variables or lines of .env, and .env.example lists them.",
        examples=[""],
    )
    parser.parse_args(arguments)
    return run_command(AlertSettings, _run)


def _run(settings: AlertSettings) -> int:
    try:
        plan = load_plan(settings.alert_routes, settings)
    except RoutesError as wrong:
        return complain(f"ALERT_ROUTES: {wrong}", code=2)
    name = f"{settings.alert_worker_name}-{socket.gethostname()}-{uuid4().hex[:8]}"
    with ExitStack() as stack:
        engine = writer_engine(settings.database_url, name=settings.alert_worker_name, pool_size=2)
        stack.callback(engine.dispose)
        shares, health, deliveries = Shares(name), AlertHealth(), DeliveryFigures()
        metrics = AlertMetrics(shares, health, deliveries)
        if (port := settings.alert_health_port) is not None:
            try:
                server = StatusServer(health, metrics, settings.alert_health_host, port)
            except OSError as error:
                place = f"{settings.alert_health_host}:{port}"
                return complain(f"ALERT_HEALTH_PORT: can't listen on {place}: {error.strerror}")
            server.start()
            stack.callback(server.stop)
        worker = AlertWorker(settings, engine, shares, health, metrics)
        # Claims that are not given back run out by themselves.
        stop_on_signal(worker.stop, within_s=STOP_S)
        sender = MessageSender(settings.database_url, plan, deliveries, name=settings.alert_worker_name)
        sender.start()
        stack.callback(sender.stop)
        worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
