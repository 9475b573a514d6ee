"""Demo of the whole system on one machine: `./scripts/demo.sh`, or `python -m scripts.demo` in .venv.

The demo shows the API at BASE; else the compose stack where it is up; else a stack of its own in .demo/.
"""

import argparse
import io
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from scripts.demo_cars.cars import HOT
from scripts.launcher import account, screen, signals
from scripts.launcher.broker_address import BrokerAddress
from scripts.launcher.compose import ComposePorts
from scripts.launcher.dialect_view import user_mapping, write_mapping
from scripts.launcher.guard import GUARD, ROOT
from scripts.launcher.http_client import Client
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.lock import Lock, LockedError
from scripts.launcher.message_receiver import MessageReceiver, show_message
from scripts.launcher.postgres import erase_programs
from scripts.launcher.stack import Stack
from scripts.launcher.tour import Tour
from shared.command_arguments import command_parser

FOLDER = ROOT / ".demo"
_GUARD_NEEDS_S = 40


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", line_buffering=True)  # a degree sign on an ASCII terminal
    signals.listen()
    try:
        if parsed.needs_broker:
            return 0 if _needs_broker(ComposePorts.read()) else 1
        return _demo(parsed)
    except LaunchError as error:
        signals.ignore()
        screen.failure(error)
        return 1
    except signals.StoppedBySignal as stopped:
        print("\nStopped.", file=sys.stderr)
        return 128 + stopped.number
    except BrokenPipeError:
        # The reader has closed the pipe, as in `demo.sh | head`; flushing the buffer at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    finally:
        signals.ignore()
        GUARD.close()


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "./scripts/demo.sh",
        "Start the whole system on this machine and show it. `./scripts/demo.sh --help` says more.",
        examples=["", "--once", "--fresh"],
    )
    parser.add_argument("--once", action="store_true", help="stop everything after showing")
    parser.add_argument("--fresh", action="store_true", help="erase what earlier demos stored, then start")
    parser.add_argument("--needs-broker", action="store_true", help=argparse.SUPPRESS)
    return parser


def _demo(options: argparse.Namespace) -> int:
    stays = not options.once and sys.stdin.isatty() and sys.stdout.isatty()
    if base := os.environ.get("BASE"):
        return _show_foreign_api(base.rstrip("/"), f"BASE={base}", fresh=options.fresh, stays=stays)
    try:
        with _lock() as lock:
            usual = ComposePorts.read()
            if _usual_stack_answers(usual):
                lock.free()
                reason = f"a stack of ours is up on port {usual.api}"
                return _show_foreign_api(
                    usual.api_url, reason, fresh=options.fresh, stays=stays, broker_port=usual.broker
                )
            return _run_own_stack(lock, usual, fresh=options.fresh, stays=stays)
    except LockedError as held:
        where = (
            f" It answers at {held.note}: look there, or stop it first." if held.note else " Stop it first."
        )
        who = f" (process {held.pid})" if held.pid else ""
        raise LaunchError(f"A demo of this checkout is running already{who}.{where}") from None
    except PermissionError as refused:
        raise LaunchError(
            f"{refused.filename or FOLDER} can't be written: remove {FOLDER}, or run as the user who made it."
        ) from None
    except OSError as failed:
        if isinstance(failed, BrokenPipeError):
            raise
        raise LaunchError(f"{FOLDER} can't be used: {failed}.") from None


def _lock() -> Lock:
    """Take the demo's lock.

    A demo that was killed still holds it while its guard stops its servers: wait for that.
    """
    lock = Lock(FOLDER / "demo.lock")
    deadline = time.monotonic() + _GUARD_NEEDS_S
    has_printed = False
    while True:
        try:
            lock.take()
        except LockedError as held:
            if psutil.pid_exists(held.pid) or time.monotonic() > deadline:
                raise
            if not has_printed:
                print("The servers of a demo that was killed are being stopped; waiting ...", flush=True)
            has_printed = True
            time.sleep(0.2)
        else:
            return lock


def _show_foreign_api(
    base: str, reason: str, *, fresh: bool, stays: bool, broker_port: int | None = None
) -> int:
    if urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).netloc:
        raise LaunchError(f"BASE={base} is not a URL such as http://localhost:8000.")
    print(f"Showing the API at {base}, because {reason}; no server is started.")
    if fresh:
        print("--fresh is about .demo/ and leaves this one alone.")
    client = _client(base)
    if client.health(timeout_s=10) is None:
        raise LaunchError(
            f"No API of ours answers at {base}. Start it, or leave BASE unset to start one here."
        )
    broker = BrokerAddress.from_environment()
    if broker_port and not os.environ.get("MQTT_PORT"):
        broker = replace(broker, port=broker_port)
    tour = Tour(client, broker, _log_folder() / "cars.log")
    tour.invite()
    try:
        tour.publish()
        tour.show()
        tour.open()
        if stays and tour.goes_on:
            _stay(tour, "The cars go on. Ctrl-C stops them.")
    finally:
        signals.ignore()
        tour.close()
    return 0


def _run_own_stack(lock: Lock, usual: ComposePorts, *, fresh: bool, stays: bool) -> int:
    mqtt = BrokerAddress.from_environment() if os.environ.get("MQTT_HOST") else None
    database_url = os.environ.get("DATABASE_URL") or None
    _clear(everything=fresh)
    own_mapping = user_mapping()
    mapping = own_mapping or write_mapping(FOLDER / "sources.toml")
    env = {"MQTT_SOURCES": str(mapping)}
    receiver = None if os.environ.get("ALERT_ROUTES") else MessageReceiver()
    if receiver is not None:
        env |= receiver.environment(FOLDER)
    if mqtt:
        # A worker of that broker may have the default client id, and the two would disconnect each other.
        env["MQTT_CLIENT_ID"] = os.environ.get("MQTT_CLIENT_ID") or "battery-demo-worker"
    stack = Stack(
        FOLDER,
        database_url=database_url,
        mqtt=(mqtt.host, mqtt.port) if mqtt else None,
        env=env,
        prefer={"postgres": usual.database, "broker": usual.broker, "api": usual.api},
        show=screen.step,
    )
    screen.heading("Starting", f"logs in {screen.short(stack.logs)}/")
    try:
        stack.start()
        lock.note(stack.base_url)
        _print_other_port(stack, usual.api)
        broker = mqtt or BrokerAddress(*stack.mqtt)
        tour = Tour(
            _client(stack.base_url),
            broker,
            stack.logs / "cars.log",
            check=stack.check,
            mapping=None if own_mapping else mapping,
        )
        tour.invite()
        try:
            _show_own_stack(stack, tour, database_url, receiver)
            if stays:
                _stay(tour, "The cars go on. Ctrl-C stops everything.")
        finally:
            signals.ignore()
            tour.close()
    finally:
        signals.ignore()
        stack.stop()
        if receiver is not None:
            receiver.close()
    print("\nStopped. What was stored stays.")
    if not stays:
        print("On a terminal, without --once, it stays up for you to open the addresses above.")
    return 0


def _show_own_stack(
    stack: Stack, tour: Tour, database_url: str | None, receiver: MessageReceiver | None
) -> None:
    try:
        tour.publish()
        tour.show()
        if receiver is not None and tour.goes_on:
            show_message(receiver, HOT.vin)
        stack.check()
    except LaunchError:
        stack.check()  # a server that died is the better explanation
        raise
    _print_places(stack, database_url)
    tour.open()


def _stay(tour: Tour, sentence: str) -> None:
    """Keep the cars publishing until a signal comes or a program dies."""
    print(f"\n{sentence}", flush=True)
    try:
        while True:
            tour.check()
            time.sleep(0.3)
    except signals.StoppedBySignal:
        print("\nStopping ...", flush=True)


def _print_other_port(stack: Stack, usual: int) -> None:
    if stack.api.port != usual:
        print(f"  Port {usual} is taken, so the API listens on {stack.api.port}.")


def _print_places(stack: Stack, database_url: str | None) -> None:
    from shared.storage.engine import masked  # noqa: PLC0415 - slow to import, and only needed here

    screen.heading("Places")
    host, port = stack.mqtt
    stored = f"{screen.short(FOLDER)}/"
    if stack.postgres is not None and stack.postgres.files != stack.postgres.wanted:
        # The checkout is below a private folder, which PostgreSQL's system user can't pass.
        stored += f" and {stack.postgres.files}/"
    screen.lines(
        [
            ("database", masked(database_url) if database_url else stack.database_url),
            ("broker", f"{host}:{port}"),
            ("logs", f"{screen.short(stack.logs)}/"),
            ("stored in", f"{stored} (survives; ./scripts/demo.sh --fresh starts anew)"),
        ]
    )


def _usual_stack_answers(usual: ComposePorts) -> bool:
    if os.environ.get("DATABASE_URL") or os.environ.get("MQTT_HOST"):
        return False
    # A stack whose database is away may be the rest of one that was killed: not worth showing.
    return Client(usual.api_url).health() == {"status": "OK", "db": "OK"}


def _needs_broker(usual: ComposePorts) -> bool:
    return not (os.environ.get("BASE") or os.environ.get("MQTT_HOST") or _usual_stack_answers(usual))


def _client(base: str) -> Client:
    keys = [key.strip() for key in os.environ.get("API_KEYS", "").split(",") if key.strip()]
    return Client(base, keys[0] if keys else None)


def _log_folder() -> Path:
    folder = FOLDER / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _clear(*, everything: bool) -> None:
    """Remove old logs, which would only mislead; with --fresh, stored data as well."""
    for log in _log_folder().glob("*.log"):
        if log.name != "bootstrap.log":
            log.unlink()
    if everything:
        for name in ("postgres", "mosquitto"):
            account.erase(FOLDER / name)
        erase_programs()


if __name__ == "__main__":
    sys.exit(main())
