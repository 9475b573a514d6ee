"""The benchmarks of peers in a short form, with the peer that needs no further package."""

import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from scripts.bench import peer_table
from scripts.bench.bench_error import MeasureError
from scripts.bench.database import database
from scripts.bench.load import lone_readings
from scripts.bench.package_environment import MissingPackageError, interpreter
from scripts.bench.peer import EVERY_PEER, EXECUTEMANY
from scripts.bench.peer_kills import compare_kills
from scripts.bench.peer_run import running_peer
from scripts.bench.peers import compare_peers
from scripts.bench.sink import backlog_seconds
from scripts.bench.workbench import Workbench
from scripts.launcher.guard import ROOT, runs
from tests.conftest import FAST, server_folder

PIPE, ONE, TWO = "mosquitto_sub | psql COPY", "one worker", "two workers, one group"


@pytest.fixture
def workbench():
    with server_folder() as folder:
        yield Workbench(folder, rounds=1, messages=600, vehicles=20, postgres_settings=FAST)
        assert list(folder.iterdir()) == []


@pytest.fixture(autouse=True)
def _no_child_stays():
    """Every server and consumer has ended; the guard alone stays until the end of the process."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [one for one in set(psutil.Process().children(recursive=True)) - before if runs(one)]
    assert [one for one in left if "scripts.launcher.guard" not in one.cmdline()] == []


@pytest.fixture
def place(workbench):
    with workbench.fresh_folder() as folder, database(folder, FAST) as running:
        yield running


@pytest.mark.nightly
def test_rates_and_costs_of_each_alternative(workbench):
    """Rate, two processor times and memory, over a backlog and while messages are published."""
    compare_peers(workbench, [EXECUTEMANY])
    assert [one.unit for one in workbench.comparisons] == [
        "messages/s",
        "s per 100,000",
        "s per 100,000",
        "MiB",
    ] * 2
    for comparison in workbench.comparisons:
        assert list(comparison.figures) == [PIPE, EXECUTEMANY.name, ONE, TWO]
        assert all(len(taken) == 1 and taken[0] > 0 for taken in comparison.figures.values())
    memory = workbench.comparisons[3].figures
    # Two Pythons hold more than one, and a Python more than two programs in C.
    assert memory[TWO][0] > memory[ONE][0] > memory[PIPE][0]


@pytest.mark.nightly
def test_kills_are_survived_by_the_worker_alone(workbench):
    """Automatic acknowledgements lose what was not stored; each loss is in the notes, too."""
    # It stores 500 at a time, and is first killed after 2,250 readings, amid such a batch.
    workbench.messages = 45_000
    compare_kills(workbench, [EXECUTEMANY], gives_up_after_s=6)
    (comparison,) = workbench.comparisons
    assert comparison.figures[ONE] == [9_000]
    (once,) = comparison.figures[EXECUTEMANY.name]
    assert 0 < once < 9_000
    assert comparison.notes == [
        f"{ONE}: 0 lost, 0 doubled",
        f"{EXECUTEMANY.name}: {9_000 - once:,.0f} lost, 0 doubled",
    ]


def test_rows_stored_twice_are_counted(workbench, place):
    """Only a table without a key can hold them; the reading sent beforehand is not counted."""
    with place.connect() as connection:
        peer_table.make(connection, has_key=False)
        for ts in (
            "2024-12-31T23:59:59Z",
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:01Z",
        ):
            connection.execute("INSERT INTO peer_readings (vin, ts) VALUES ('A', %s)", [ts])
        assert peer_table.counted(connection) == (3, 2, 1)


def test_a_table_is_full_when_all_rows_are_there(workbench, place):
    """Rows as short as those of the load: the size of the file is a lower bound, not the count."""
    with place.connect() as connection:
        peer_table.make(connection, has_key=True)
        insert = """
            INSERT INTO peer_readings
            SELECT 'BENCH-00000', to_char(ts, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 1, 2, 3, 4, 5, 6, 7
            FROM generate_series(%s::int, %s::int) AS number,
            LATERAL (SELECT timestamptz '2025-01-01' + number * interval '1 s') AS time (ts)
        """
        connection.execute(insert, [1, 9_999])
        assert not peer_table.has_rows(connection, 10_000)
        connection.execute(insert, [10_000, 10_000])
        assert peer_table.has_rows(connection, 10_000)


def test_a_row_too_many_is_no_figure(workbench, place):
    """A peer that stores twice in a rate's run has not done the work that was to be measured."""
    load = lone_readings(50, vehicles=5)
    twice = replace(load, publications=[*load.publications, load.publications[0]], rows=51)
    peer = replace(EXECUTEMANY, has_key=False)
    complaint = r"51 messages have become Rows\(rows=51, keys=50, once=49\)"
    with (
        running_peer(workbench, place, peer, interpreter(peer.package)) as sink,
        pytest.raises(MeasureError, match=complaint),
    ):
        backlog_seconds(sink, twice)


@pytest.mark.nightly
def test_pip_that_finds_nothing_is_named(tmp_path, monkeypatch):
    """The real pip, without any index: its reason is the message, and no folder stays."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        MissingPackageError, match="No matching distribution found for battery-no-such-package"
    ):
        interpreter("battery-no-such-package==1.0", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["battery-no-such-package-1.0.log"]


@pytest.mark.parametrize(
    "module", sorted({"read_engine", *(f"peer_programs.{peer.program}" for peer in EVERY_PEER)})
)
def test_a_program_needs_nothing_but_python_for_its_arguments(module):
    """The environment of a peer or an engine has none of our packages: -I and -S hide them here, too."""
    call = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        "runpy.run_module(sys.argv.pop(1), None, '__main__')"
    )
    module = f"scripts.bench.{module}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", call, str(ROOT), module, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"usage: python -m {module} "), done.stderr
