"""Several figures of one run, and the progress line of a long step."""

import pytest

from scripts.bench.parts import Parts
from scripts.bench.progress import Progress
from scripts.bench.workbench import Workbench


def test_a_run_a_round_gives_all_its_parts(tmp_path):
    """Any part may be the first of a round."""
    runs = iter([{"a": 1.0, "b": 2.0}, {"a": 10.0, "b": 20.0}, {"a": 100.0, "b": 200.0}])
    workbench = Workbench(tmp_path, rounds=3)
    workbench.compare("parts", "s", Parts(("a", "b"), lambda: next(runs)).alternatives())
    assert workbench.comparisons[0].figures == {"a": [1, 10, 100], "b": [2, 20, 200]}
    assert next(runs, None) is None


def test_progress_prints_tens_of_percent(capsys):
    """Each is printed once."""
    with Progress("stores", 1_000) as progress:
        for done in range(1, 1_001):
            progress.reach(done)
    line = capsys.readouterr().err
    assert line.startswith("  stores: 10 % 20 % 30 % 40 % 50 % 60 % 70 % 80 % 90 % 100 % (")


def test_progress_that_fails_ends_its_line(capsys):
    """The failure begins on a line of its own."""

    def fail():
        with Progress("stores", 10) as progress:
            progress.reach(2)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert capsys.readouterr().err == "  stores: 20 % -\n"
