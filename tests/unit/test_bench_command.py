"""The arguments and exit codes of `./scripts/bench.sh`, without a server."""

import json
import re
import signal

import pytest

from scripts.bench import __main__ as command
from scripts.bench.benchmark import Benchmark
from scripts.bench.catalogue import BENCHMARKS
from scripts.launcher import signals
from scripts.launcher.guard import GUARD, ROOT
from scripts.launcher.launch_error import LaunchError


@pytest.fixture(autouse=True)
def _signals_of_the_tests(monkeypatch):
    monkeypatch.setattr(signals, "listen", lambda: None)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    monkeypatch.setattr(GUARD, "close", lambda: None)


@pytest.fixture
def choose(monkeypatch):
    """Replace the benchmarks by one of the test's own: `choose(run)`."""

    def put(run):
        monkeypatch.setattr(command, "BENCHMARKS", [Benchmark("own", "of the test", run)])

    return put


def test_names_are_unique():
    """A name chooses one benchmark."""
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)


def test_the_list_names_every_benchmark(capsys):
    """Each line has a name and a summary."""
    assert command.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [benchmark.name for benchmark in BENCHMARKS]


def test_the_usage_names_every_benchmark():
    """In the order of the list; the last three alone are by name only, as the usage says."""
    usage = (ROOT / "scripts" / "bench.sh").read_text().partition("USAGE\n")[0]
    assert re.findall(r"^  ([a-z][a-z-]+)  +\S", usage, re.MULTILINE) == [one.name for one in BENCHMARKS]
    assert "all benchmarks but the last three" in usage
    assert [one.only_by_name for one in BENCHMARKS[-4:]] == [False, True, True, True]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "argument NAME: 'nonsense' is not a benchmark; there are own"),
        (["--rounds", "0"], "argument --rounds: '0' is not a whole number from 1 to "),
        (["--messages", "many"], "'many' is not a whole number from 1 to "),
        (["--vehicles", "0"], "'0' is not a whole number from 1 to 100,000"),
        (["--vehicles", "100001"], "'100001' is not a whole number from 1 to 100,000"),
        (["--rows", "999"], "'999' is not a whole number from 1,000 to "),
        (["--readings", "599"], "'599' is not a whole number from 600 to "),
        (["--seconds", "-1"], "'-1' is not a number of seconds above 0"),
        (["--seconds", "nan"], "'nan' is not a number of seconds above 0"),
        (["--json", "/no/such/folder/figures.json"], "can't be written"),
    ],
)
def test_a_wrong_argument_ends_the_command_first(arguments, complaint, capsys, choose):
    """Exit code 2, and a line that names the error, before any benchmark runs."""
    choose(lambda _workbench: pytest.fail("a benchmark was run"))
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_options_reach_the_workbench_and_figures_the_file(choose, tmp_path):
    """The folder exists while a benchmark runs, and is gone afterwards."""
    seen = []

    def run(workbench):
        assert workbench.folder.is_dir()
        seen.append(workbench)
        workbench.compare("rates", "1/s", {"a": lambda: 1.0})

    choose(run)
    path = tmp_path / "figures.json"
    arguments = ["--rounds", "2", "--messages", "7", "--vehicles", "3", "--rows", "5000"]
    arguments += ["--readings", "6000", "--seconds", "0.5"]
    assert command.main([*arguments, "--json", str(path)]) == 0
    chosen = {"rounds": 2, "messages": 7, "vehicles": 3, "rows": 5_000, "readings": 6_000, "seconds": 0.5}
    assert [{name: getattr(one, name) for name in chosen} for one in seen] == [chosen]
    assert not seen[0].folder.exists()
    written = json.loads(path.read_text())
    assert written["options"] == chosen
    assert written["comparisons"][0]["alternatives"][0]["figures"] == [1, 1]


def test_messages_come_from_a_hundred_vehicles_by_default(choose):
    """Figures without --vehicles stay comparable with earlier ones."""
    seen = []
    choose(lambda workbench: seen.append(workbench.vehicles))
    assert command.main([]) == 0
    assert seen == [100]


def test_a_server_that_fails_ends_the_command(choose, capsys):
    """One sentence and exit code 2, no stack trace."""

    def run(_workbench):
        raise LaunchError("The broker has died.")

    choose(run)
    assert command.main([]) == 2
    assert "The broker has died." in capsys.readouterr().err


def test_a_signal_is_the_exit_code(choose, capsys):
    """128 and the signal's number, as in a shell."""

    def run(_workbench):
        raise signals.StoppedBySignal(signal.SIGINT)

    choose(run)
    assert command.main([]) == 130
    assert "Stopped." in capsys.readouterr().err
