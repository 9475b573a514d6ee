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
def ended_pid():
    """Return the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def counted(*, in_flight=0, stored=0):
    metrics = ApiMetrics()
    metrics.tally.receive(in_flight + stored)
    metrics.tally.settle(stored, stored=stored)
    return metrics


def samples_of(text):
    return numbers_of(text.decode())


def test_alone():
    """Without a folder a process exposes its own metrics."""
    own = counted(stored=3)
    assert counts_of(samples_of(ProcessMetrics(own.text, None).text())) == own.tally.snapshot()


def test_exposed_counts_are_in_the_folder(tmp_path):
    """Counts that were exposed are in the folder, also when the process is killed right after."""
    exposed = samples_of(ProcessMetrics(counted(stored=3).text, tmp_path).text())
    left = samples_of((tmp_path / f"{os.getpid()}.prom").read_bytes())
    assert counts_of(left) == counts_of(exposed)


def test_another_running_process(tmp_path):
    """All counts are added, in flight too; a metric without samples does no harm."""
    (tmp_path / f"{os.getppid()}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    found = samples_of(ProcessMetrics(counted(stored=4).text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 2, 0)
    assert counts.adds_up


def test_a_process_that_has_ended(tmp_path, ended_pid):
    """Stored readings of an ended process still count, those in flight have failed, its memory is gone."""
    (tmp_path / f"{ended_pid}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    own = counted(stored=4)
    found = samples_of(ProcessMetrics(own.text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 0, 2)
    assert counts.adds_up
    assert of_processes(found) == {str(os.getpid())}


def of_processes(found):
    """Collect the processes whose memory, start and processor time are exposed; each exposes all three."""
    names = ("process_resident_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total")
    pids = [{pid for name, *pids in found if name == each for pid in pids} for each in names]
    assert pids[1:] == pids[:-1]
    return pids[0]


def test_each_process_has_its_own_times(tmp_path):
    """Times of a process are labelled with it and not added, so that no counter decreases when it ends."""
    now = time.time()
    process_metrics = ProcessMetrics(counted(stored=1).text, tmp_path)
    alone = samples_of(process_metrics.text())
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as other:
        (tmp_path / f"{other.pid}.prom").write_bytes(counted(stored=3).text())
        found = samples_of(process_metrics.text())
        assert of_processes(found) == {str(os.getpid()), str(other.pid)}
        starts = [value for (name, *_), value in found.items() if name == "process_start_time_seconds"]
        assert all(0 < start <= now for start in starts)
        other.communicate()
    after = samples_of(process_metrics.text())
    assert of_processes(after) == of_processes(alone) == {str(os.getpid())}
    counters = [key for key in found if key[0].endswith(("_total", "_count", "_bucket")) and key in after]
    assert ("process_cpu_seconds_total", str(os.getpid())) in counters
    assert all(after[key] >= found[key] for key in counters)
    assert not [key for key in found if key[0] == "process_cpu_seconds_total" and len(key) == 1]
