"""A child process: its log, its signals, its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from scripts.launcher.guard import GUARD, TAG, runs
from scripts.launcher.launch_error import LaunchError


class Process:
    """A child in a session of its own, so that a Ctrl-C in the terminal reaches only its launcher.

    `name` is for messages, `command` is the program with its arguments, `log` the file its output is appended
    to. `env` is merged into our environment; an empty value removes the variable. The child never outlives
    us: see guard.py.
    """

    stop_signal = signal.SIGTERM
    stop_timeout_s = 10.0  # of an orderly stop; after it the program is killed
    ready_within = 60.0  # seconds that a start may take

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self.env = dict(env or {})
        self._command = list(command)
        self._child: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return the program with its arguments."""
        return self._command

    def folder(self) -> Path:
        """Return the working folder: that of the log, where no stray `.env` lies."""
        return self.log.parent

    def account(self) -> dict[str, object]:
        """Return `user`, `group` and `extra_groups` for Popen, where the program must not run as us."""
        return {}

    @property
    def pid(self) -> int:
        if self._child is None:
            raise LaunchError(f"{self.name} is not running.")
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit code as subprocess has it (-9 after a kill); None while running or never started."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        """Start the program; no effect on a running one."""
        if self.alive:
            return
        self._forget()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._child = subprocess.Popen(
                    self.command(),
                    cwd=self.folder(),
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **self.account(),  # type: ignore[call-overload]
                )
            except OSError as refused:
                raise LaunchError(f"{self.name} can't be started: {refused}.") from None
        GUARD.watch(self._child.pid, self.stop_signal)

    def stop(self, stop_signal: int | None = None) -> int | None:
        """Send the stop signal, wait, and kill after the timeout. Returns the exit code."""
        return self._end(self.stop_signal if stop_signal is None else stop_signal, self.stop_timeout_s)

    def kill(self) -> int | None:
        """Send `kill -9`, and wait until the program's own children have ended. Returns the exit code."""
        return self._end(signal.SIGKILL, self.stop_timeout_s)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the program to end by itself, at most `timeout_s` seconds. Returns the exit code.

        Raises LaunchError at the timeout.
        """
        if self._child is None:
            return None
        try:
            code = self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self.failure(f"{self.name} has not ended within {timeout_s:g} s.") from None
        self._forget()
        return code

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`. Raises LaunchError when the program ends first, or at the timeout."""
        deadline = time.monotonic() + self.ready_within
        while not ready():
            if not self.alive:
                raise self.failure(f"{self.name} ended with exit code {self.returncode} before it was ready.")
            if time.monotonic() > deadline:
                raise self.failure(f"{self.name} was not ready within {self.ready_within:g} s.")
            time.sleep(0.03)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of the log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def failure(self, sentence: str) -> LaunchError:
        """Return the sentence as an error that also points at the log."""
        return LaunchError(sentence, log=self.log, tail=self.tail())

    def _environment(self) -> dict[str, str]:
        merged = {**os.environ, **self.env, TAG: GUARD.tag}
        return {name: value for name, value in merged.items() if value}

    def _end(self, stop_signal: int, timeout_s: float) -> int | None:
        child = self._child
        if child is None:
            return None
        family = self._family() if child.poll() is None else []
        child.send_signal(stop_signal)
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        # Children end by themselves soon after their parent; the others are killed.
        _await_end(family)
        for one in filter(runs, family):
            with suppress(psutil.Error):
                one.kill()
        _await_end(family)
        self._forget()
        return child.returncode

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return list(psutil.Process(self.pid).children(recursive=True))
        return []

    def _forget(self) -> None:
        if self._child is not None:
            GUARD.forget(self._child.pid)


def _await_end(family: list[psutil.Process], timeout_s: float = 2.0) -> None:
    deadline = time.monotonic() + timeout_s
    while any(map(runs, family)) and time.monotonic() < deadline:
        time.sleep(0.01)
