"""Metrics of several processes, added up."""

import os
import subprocess
import sys

import pytest

from api.metrics import ApiMetrics
from api.siblings import Siblings
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
    assert counts_of(look(Siblings(own.text, None).text())) == own.tally.look()


def test_what_was_told_is_left(tmp_path):
    """One that is killed right after it has told its counts takes none of them with it."""
    told = Siblings(counted(stored=3).text, tmp_path).text()
    assert (tmp_path / f"{os.getpid()}.prom").read_bytes() == told


def test_another_one_that_runs(tmp_path):
    """Everything is added, what is on its way too; what nobody has counted yet does no harm."""
    (tmp_path / f"{os.getppid()}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    found = look(Siblings(counted(stored=4).text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 2, 0)
    assert counts.adds_up


def test_one_that_is_gone(tmp_path, gone):
    """What it stored still counts, what it had on its way has failed, and its memory is free."""
    (tmp_path / f"{gone}.prom").write_bytes(counted(in_flight=2, stored=3).text())
    own = counted(stored=4)
    found = look(Siblings(own.text, tmp_path).text())
    counts = counts_of(found)
    assert (counts.received, counts.stored, counts.in_flight, counts.failed) == (9, 7, 0, 2)
    assert counts.adds_up
    memory = ("process_resident_memory_bytes",)
    assert found[memory] == pytest.approx(look(own.text())[memory], rel=0.5)
