"""One demo per checkout."""

import subprocess
import sys

import pytest

from scripts.launcher.guard import ROOT
from scripts.launcher.lock import Lock, LockedError

HOLDER = """
import sys
from pathlib import Path
from scripts.launcher.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take()
lock.note("http://here")
print("taken", flush=True)
sys.stdin.read()
"""


def test_the_holder_is_named_and_a_kill_frees_the_lock(tmp_path):
    """A second process learns the pid and the note of the first; after kill -9 the lock is free."""
    path = tmp_path / "new folder" / "demo.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(LockedError) as held:
            Lock(path).take()
        assert (held.value.pid, held.value.note) == (holder.pid, "http://here")
        holder.kill()
        holder.wait()
        with Lock(path):
            pass


def test_it_can_be_taken_again_after_it_was_freed(tmp_path):
    """Leaving the block frees the lock, also by an exception."""
    lock = Lock(tmp_path / "demo.lock")
    with pytest.raises(RuntimeError, match="inside"), lock:
        raise RuntimeError("inside")
    with lock:
        lock.note("again")


def test_a_holder_that_wrote_nothing_yet_is_still_a_holder(tmp_path):
    """Between taking and writing the file is empty: the lock counts, the pid is unknown."""
    path = tmp_path / "demo.lock"
    with Lock(path):
        path.write_text("")
        with pytest.raises(LockedError) as held:
            Lock(path).take()
    assert held.value.pid == 0
