"""A child process: its log, its signals, its end."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from scripts.launcher.guard import ROOT, runs
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import Module
from scripts.launcher.process import Process

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
LAUNCHER = """
import sys, time
from pathlib import Path
from scripts.launcher.process import Process
folder = Path(sys.argv[1])
for name in ("parent", "stubborn"):
    Process(name, [sys.executable, str(folder / f"{name}.py")], log=folder / name).start()
time.sleep(60)
"""


def child(tmp_path, code):
    return Process("child", [sys.executable, "-c", code], log=tmp_path / "logs" / "child.log")


def until(true, timeout_s=10.0):
    """Wait until `true()`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def gone(pid):
    try:
        return not runs(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def test_output_goes_to_the_log_and_the_exit_code_comes_back(tmp_path):
    """Both streams are in the log; `wait` gives the exit code."""
    process = child(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    process.start()
    assert process.wait(10) == 7
    assert set(process.tail().split()) == {"out", "err"}
    assert not process.alive
    assert process.returncode == 7


def test_stop_asks_first(tmp_path):
    """SIGTERM ends the program, and `stop` returns its exit code."""
    process = child(tmp_path, "import time; time.sleep(60)")
    process.start()
    assert process.alive
    assert process.stop() == -signal.SIGTERM
    assert process.stop() == -signal.SIGTERM


def test_what_does_not_stop_in_time_is_killed(tmp_path):
    """A program that ignores SIGTERM is killed after the timeout."""
    process = child(tmp_path, STUBBORN)
    process.stop_timeout_s = 0.3
    process.start()
    until(lambda: process.tail() == "up")
    assert process.stop() == -signal.SIGKILL


def test_a_killed_one_takes_its_children_along(tmp_path):
    """After `kill` nothing of the family runs, not even a child in a session of its own."""
    process = child(tmp_path, PARENT)
    process.start()
    until(process.tail)
    assert process.kill() == -signal.SIGKILL
    assert gone(int(process.tail()))


def test_waiting_for_one_that_dies_says_so_with_its_last_lines(tmp_path):
    """An end before readiness is an error that names the log and quotes it."""
    process = child(tmp_path, "import sys; sys.exit('the reason')")
    process.start()
    with pytest.raises(LaunchError, match="exit code 1") as failed:
        process.wait_until(lambda: False)
    assert failed.value.log == process.log
    assert failed.value.tail == "the reason"


def test_waiting_has_an_end(tmp_path):
    """A program that never gets ready is an error after a while, and so is one that never ends."""
    process = child(tmp_path, "import time; time.sleep(60)")
    process.ready_within = 0.1
    process.start()
    with pytest.raises(LaunchError, match="not ready"):
        process.wait_until(lambda: False)
    with pytest.raises(LaunchError, match="not ended"):
        process.wait(0.1)
    process.kill()


def test_a_missing_program_is_an_error(tmp_path):
    """A missing program is a sentence, not a trace."""
    with pytest.raises(LaunchError, match="can't be started"):
        Process("ghost", [str(tmp_path / "ghost")], log=tmp_path / "log").start()


def test_modules_find_our_packages_and_take_variables(tmp_path):
    """A module runs outside the checkout; an empty value removes a variable."""
    (tmp_path / "probe.py").write_text("import os, shared; print(os.environ['A'], 'B' in os.environ)")
    module = Module("probe", log=tmp_path / "log", env={"A": "1", "B": ""})
    module.start()
    assert module.wait(10) == 0
    assert module.tail() == "1 False"


def test_nothing_outlives_a_launcher_that_was_killed(tmp_path):
    """After kill -9 of the launcher its children end, their children too, and those that ignore SIGTERM."""
    (tmp_path / "parent.py").write_text(PARENT)
    (tmp_path / "stubborn.py").write_text(STUBBORN + "\n")
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(tmp_path)], cwd=ROOT) as launcher:
        until(lambda: all((tmp_path / name).is_file() for name in ("parent", "stubborn")))
        until(lambda: all((tmp_path / name).read_text() for name in ("parent", "stubborn")))
        family = psutil.Process(launcher.pid).children(recursive=True)
        assert int((tmp_path / "parent").read_text()) in [one.pid for one in family]
        os.kill(launcher.pid, signal.SIGKILL)
        launcher.wait()
    until(lambda: all(not runs(one) for one in family), timeout_s=20)
