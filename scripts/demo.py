"""Everything on one machine, shown to a person: `./scripts/demo.sh`, or `python -m scripts.demo` in .venv.

Against the API at BASE; else against a stack of ours on port 8000; else against one of its own in .demo/.
"""

import argparse
import io
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from scripts.launcher import screen, signals
from scripts.launcher.client import Client
from scripts.launcher.errors import LaunchError
from scripts.launcher.guard import GUARD, ROOT
from scripts.launcher.lock import Lock, LockedError
from scripts.launcher.stack import Stack
from scripts.launcher.tour import Tour
from scripts.launcher.vehicle import BrokerAddress
from shared.arguments import command_parser

FOLDER = ROOT / ".demo"
USUAL_STACK = "http://localhost:8000"
PREFERRED = {"postgres": 5434, "broker": 1883, "api": 8000}
_GUARD_NEEDS_S = 40


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns its exit code."""
    wanted = _parser().parse_args(arguments)
    if wanted.needs_broker:
        return 0 if _needs_broker() else 1
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", line_buffering=True)  # a degree sign on an ASCII terminal
    signals.listen()
    try:
        return _demo(wanted)
    except LaunchError as error:
        signals.ignore()
        screen.failure(error)
        return 1
    except signals.StoppedBySignal as stopped:
        print("\nStopped.", file=sys.stderr)
        return 128 + stopped.number
    except BrokenPipeError:
        # Nobody reads on, as in `demo.sh | head`; what is still buffered must not complain at exit.
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


def _demo(wanted: argparse.Namespace) -> int:
    stays = not wanted.once and sys.stdin.isatty() and sys.stdout.isatty()
    if base := os.environ.get("BASE"):
        return _show_theirs(base.rstrip("/"), f"BASE={base}", fresh=wanted.fresh, stays=stays)
    try:
        with _lock() as lock:
            if _usual_stack_answers():
                lock.free()
                reason = "a stack of ours is up on port 8000"
                return _show_theirs(USUAL_STACK, reason, fresh=wanted.fresh, stays=stays)
            return _run_ours(lock, fresh=wanted.fresh, stays=stays)
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
    """The demo's lock. A demo that was killed still holds it while its guard stops its servers: wait."""
    lock = Lock(FOLDER / "demo.lock")
    deadline = time.monotonic() + _GUARD_NEEDS_S
    told = False
    while True:
        try:
            lock.take()
        except LockedError as held:
            if psutil.pid_exists(held.pid) or time.monotonic() > deadline:
                raise
            if not told:
                print("The servers of a demo that was killed are being stopped; waiting ...", flush=True)
            told = True
            time.sleep(0.2)
        else:
            return lock


def _show_theirs(base: str, reason: str, *, fresh: bool, stays: bool) -> int:
    if urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).netloc:
        raise LaunchError(f"BASE={base} is not a URL such as http://localhost:8000.")
    print(f"Showing the API at {base}, because {reason}; no server is started.")
    if fresh:
        print("--fresh is about .demo/ and leaves this one alone.")
    client = _client(base)
    if client.health(patience=10) is None:
        raise LaunchError(
            f"No API of ours answers at {base}. Start it, or leave BASE unset to start one here."
        )
    tour = Tour(client, BrokerAddress.from_environment(), _log_folder() / "story.log")
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


def _run_ours(lock: Lock, *, fresh: bool, stays: bool) -> int:
    mqtt = BrokerAddress.from_environment() if os.environ.get("MQTT_HOST") else None
    database_url = os.environ.get("DATABASE_URL") or None
    _clear(everything=fresh)
    stack = Stack(
        FOLDER,
        database_url=database_url,
        mqtt=(mqtt.host, mqtt.port) if mqtt else None,
        # A worker of that broker's own may have the usual name, and the two would throw each other out.
        env={"MQTT_CLIENT_ID": os.environ.get("MQTT_CLIENT_ID") or "battery-demo-worker"} if mqtt else None,
        prefer=PREFERRED,
        show=screen.step,
    )
    screen.heading("Starting", f"logs in {_short(stack.logs)}/")
    try:
        stack.start()
        lock.note(stack.base_url)
        _tell_other_port(stack)
        broker = mqtt or BrokerAddress(*stack.mqtt)
        tour = Tour(_client(stack.base_url), broker, stack.logs / "story.log", check=stack.check)
        tour.invite()
        try:
            _show_ours(stack, tour, database_url)
            if stays:
                _stay(tour, "The cars go on. Ctrl-C stops everything.")
        finally:
            signals.ignore()
            tour.close()
    finally:
        signals.ignore()
        stack.stop()
    print("\nStopped. What was stored stays in .demo/.")
    if not stays:
        print("On a terminal, without --once, it stays up for you to open the addresses above.")
    return 0


def _show_ours(stack: Stack, tour: Tour, database_url: str | None) -> None:
    try:
        tour.publish()
        tour.show()
        stack.check()
    except LaunchError:
        stack.check()  # a server that died is the better explanation
        raise
    _tell_places(stack, database_url)
    tour.open()


def _stay(tour: Tour, sentence: str) -> None:
    """Let the cars go on until a signal comes or a program dies."""
    print(f"\n{sentence}", flush=True)
    try:
        while True:
            tour.check()
            time.sleep(0.3)
    except signals.StoppedBySignal:
        print("\nStopping ...", flush=True)


def _tell_other_port(stack: Stack) -> None:
    if stack.api.port != PREFERRED["api"]:
        print(f"  Port {PREFERRED['api']} is taken, so the API listens on {stack.api.port}.")


def _tell_places(stack: Stack, database_url: str | None) -> None:
    from shared.database import masked  # noqa: PLC0415 - slow to import, and only needed here

    screen.heading("Places")
    host, port = stack.mqtt
    screen.lines(
        [
            ("database", masked(database_url) if database_url else stack.database_url),
            ("broker", f"{host}:{port}"),
            ("logs", f"{_short(stack.logs)}/"),
            ("stored in", f"{_short(FOLDER)}/ (survives; ./scripts/demo.sh --fresh starts anew)"),
        ]
    )


def _usual_stack_answers() -> bool:
    if os.environ.get("DATABASE_URL") or os.environ.get("MQTT_HOST"):
        return False
    # One whose database is away may be what is left of a stack that was killed: no use to show.
    return Client(USUAL_STACK).health() == {"status": "OK", "db": "OK"}


def _needs_broker() -> bool:
    return not (os.environ.get("BASE") or os.environ.get("MQTT_HOST") or _usual_stack_answers())


def _client(base: str) -> Client:
    keys = [key.strip() for key in os.environ.get("API_KEYS", "").split(",") if key.strip()]
    return Client(base, keys[0] if keys else None)


def _log_folder() -> Path:
    folder = FOLDER / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _clear(*, everything: bool) -> None:
    """Old logs would only mislead; with --fresh, what was stored goes as well."""
    for log in _log_folder().glob("*.log"):
        if log.name != "bootstrap.log":
            log.unlink()
    if everything:
        for name in ("postgres", "postgres.part", "mosquitto"):
            with suppress(FileNotFoundError):
                shutil.rmtree(FOLDER / name)


def _short(path: Path) -> str:
    """Relative to where the person stands, where that is shorter."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
