"""The guard: stops the servers of a launcher that has ended in any way, `kill -9` included.

One small process per launcher, in a session of its own. It reads lines from a pipe whose other end only the
launcher holds, so the end of the pipe is the end of the launcher:

    watch PID SIGNAL    when the launcher is gone, stop this process with SIGNAL, and its process group
    forget PID          the process has ended

The process started last is stopped first, as in an orderly stop.
"""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from shared.command_arguments import command_parser

ROOT = Path(__file__).resolve().parents[2]

# Every program that a launcher starts has this variable, so that the guard also finds one started just when
# its launcher died, and children that left their process group.
TAG = "BATTERY_LAUNCHER"
_TIMEOUT_S = 5.0


class Guard:
    """The launcher's end of the pipe; the guard process starts with the first child."""

    def __init__(self) -> None:
        self.tag = f"{os.getpid()}-{time.time_ns()}"
        self._watched: dict[int, int] = {}
        self._process: subprocess.Popen[str] | None = None

    def watch(self, pid: int, stop_signal: int) -> None:
        self._watched[pid] = stop_signal
        self._send(f"watch {pid} {stop_signal}")

    def forget(self, pid: int) -> None:
        if self._watched.pop(pid, None) is not None:
            self._send(f"forget {pid}")

    def close(self) -> None:
        """Close the pipe, and wait until the guard has stopped the remaining processes."""
        if self._process is not None:
            process, self._process = self._process, None
            with suppress(OSError):
                process.communicate()

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(OSError):
                self._write([line])
                return
        self.close()
        # Inherits the demo's lock, the only inheritable file: no second demo starts while the servers of this
        # one are still being stopped.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.launcher.guard", self.tag],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            start_new_session=True,
            text=True,
        )
        self._write([f"watch {pid} {number}" for pid, number in self._watched.items()])

    def _write(self, lines: list[str]) -> None:
        pipe = self._process.stdin if self._process else None
        if pipe is not None:
            pipe.write("".join(f"{line}\n" for line in lines))
            pipe.flush()


GUARD = Guard()
atexit.register(GUARD.close)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the guard; returns its exit code."""
    parser = command_parser(
        "python -m scripts.launcher.guard",
        "Stop what a launcher leaves behind. Launchers start it; it reads from their pipe:\n"
        "`watch PID SIGNAL` or `forget PID`, a line each.",
        examples=["4711-1700000000000000000"],
    )
    parser.add_argument("tag", metavar="TAG", help=f"what the programs of that launcher have in {TAG}")
    _guard(parser.parse_args(arguments).tag)
    return 0


def _guard(tag: str) -> None:
    """Read until the launcher is gone, then stop the processes it left."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    watched: dict[int, tuple[psutil.Process, int]] = {}
    for line in sys.stdin:
        verb, pid, *rest = line.split()
        if verb == "forget":
            watched.pop(int(pid), None)
            continue
        with suppress(psutil.Error):
            watched[int(pid)] = (psutil.Process(int(pid)), int(rest[0]))
    for process, stop_signal in reversed(watched.values()):
        _stop(process, stop_signal)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(TAG) == tag:
                _stop(process, signal.SIGTERM)


def _stop(process: psutil.Process, stop_signal: int) -> None:
    with suppress(psutil.Error):
        children = process.children(recursive=True)
        process.send_signal(stop_signal)
        deadline = time.monotonic() + _TIMEOUT_S
        while runs(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        for one in (process, *children):
            with suppress(psutil.Error):
                one.kill()


def runs(process: psutil.Process) -> bool:
    """Return whether a process still runs; a zombie only waits for its parent."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


if __name__ == "__main__":
    sys.exit(main())
