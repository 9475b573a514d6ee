"""Metrics of several processes, added up."""

import os
import subprocess
import sys
import time

import pytest

from api.http.multiprocess_metrics import ProcessMetrics
from api.http.request_metrics import ApiMetrics
from tests.calls import counts_of, numbers_of


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def counted(*, in_flight=0, stored=0):
    metrics = ApiMetrics()
    metrics.tally.receive(in_flight + stored)
    metrics.tally.settle(stored, stored=stored)
    return metrics


def look(text):
    return numbers_of(text.decode())


def test_alone():
    """Without a folder a process tells of itself."""
    own = counted(stored=3)
    assert counts_of(look(ProcessMetrics(own.text, None).text())) == own.tally.snapshot()


def test_what_was_told_is_left(tmp_path):
    """One that is killed right after it has told its counts takes none of them with it."""
    told = look(ProcessMetrics(counted(stored=3).text, tmp_path).text())
    left = look((tmp_path / f"{os.getpid()}.prom").read_bytes())
    assert counts_of(left) == counts_of(told)


def test_another_one_that_runs(tmp_path):
    """Everything is added, what is on its way too; what nobody has counted yet does no harm."""
    (tmp_path / f"{os.getppid()}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    found = look(ProcessMetrics(counted(stored=4).text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 2, 0)
    assert counts.adds_up


def test_one_that_is_gone(tmp_path, gone):
    """What it stored still counts, what it had on its way has failed, and its memory is free."""
    (tmp_path / f"{gone}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    own = counted(stored=4)
    found = look(ProcessMetrics(own.text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 0, 2)
    assert counts.adds_up
    assert of_processes(found) == {str(os.getpid())}


def of_processes(found):
    """The processes whose memory, start and processor time are shown; each shows all of them."""
    names = ("process_resident_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total")
    pids = [{pid for name, *pids in found if name == each for pid in pids} for each in names]
    assert pids[1:] == pids[:-1]
    return pids[0]


def test_each_process_has_its_own_times(tmp_path):
    """A start time is not a sum, and no counter goes back when a process ends: each is labelled."""
    now = time.time()
    siblings = ProcessMetrics(counted(stored=1).text, tmp_path)
    alone = look(siblings.text())
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as other:
        (tmp_path / f"{other.pid}.prom").write_bytes(counted(stored=3).text())
        found = look(siblings.text())
        assert of_processes(found) == {str(os.getpid()), str(other.pid)}
        starts = [value for (name, *_), value in found.items() if name == "process_start_time_seconds"]
        assert all(0 < start <= now for start in starts)
        other.communicate()
    after = look(siblings.text())
    assert of_processes(after) == of_processes(alone) == {str(os.getpid())}
    counters = [key for key in found if key[0].endswith(("_total", "_count", "_bucket")) and key in after]
    assert ("process_cpu_seconds_total", str(os.getpid())) in counters
    assert all(after[key] >= found[key] for key in counters)
    assert not [key for key in found if key[0] == "process_cpu_seconds_total" and len(key) == 1]
