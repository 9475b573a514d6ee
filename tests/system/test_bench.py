"""A short form of each benchmark: see scripts/bench."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from scripts.bench.catalogue import BENCHMARKS
from scripts.bench.workbench import Workbench
from scripts.launcher.guard import ROOT, runs
from tests.conftest import FAST, server_folder


@pytest.mark.nightly
@pytest.mark.parametrize(
    "benchmark",
    # The others install other software: tests/integration/test_peers_run.py measures without it.
    [benchmark for benchmark in BENCHMARKS if not benchmark.only_by_name],
    ids=lambda benchmark: benchmark.name,
)
def test_every_alternative_has_a_figure(benchmark):
    """Each comparison gives one positive figure a round for each of its alternatives."""
    with server_folder() as folder:
        workbench = Workbench(folder, rounds=1, messages=200, rows=2_000, seconds=0.1, postgres_settings=FAST)
        benchmark.run(workbench)
        assert list(folder.iterdir()) == []
    assert workbench.comparisons
    for comparison in workbench.comparisons:
        assert len(comparison.figures) > 1
        assert all(len(taken) == 1 and taken[0] > 0 for taken in comparison.figures.values())


@pytest.mark.parametrize(("name", "child"), [("broker", "mosquitto"), ("page", "chrom")])
def test_a_stop_leaves_nothing_behind(name, child, tmp_path):
    """SIGTERM amid a figure: exit code 143 at once, no child lives on, and the folder is gone."""
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.bench", name, "--messages", "100", "--seconds", "600"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as command:
        family = []
        deadline = time.monotonic() + 60
        while not (begun := is_among(family, child)) and time.monotonic() < deadline:
            time.sleep(0.05)
            family = psutil.Process(command.pid).children(recursive=True)
        command.send_signal(signal.SIGTERM)
        _output, complaint = command.communicate(timeout=20)
    assert command.returncode == 128 + signal.SIGTERM
    assert complaint.endswith(b"Stopped.\n")
    assert begun
    assert [one for one in family if runs(one)] == []
    assert list(tmp_path.iterdir()) == []


def is_among(family, child):
    """Return whether a program runs there whose name begins so; an ended one has no name."""
    for one in family:
        with suppress(psutil.NoSuchProcess):
            if one.name().startswith(child):
                return True
    return False
