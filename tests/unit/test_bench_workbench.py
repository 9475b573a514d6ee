"""Figures of alternatives: the order of measurements, ratios and reports."""

import json

import pytest

from scripts.bench import report
from scripts.bench.comparison import Comparison
from scripts.bench.workbench import Workbench


@pytest.fixture
def workbench(tmp_path):
    return Workbench(tmp_path, rounds=3, benchmark="example")


def test_alternatives_take_turns(workbench):
    """Each is measured once a round, and each round begins with another one."""
    order = []
    workbench.compare("order", "1/s", {name: lambda name=name: order.append(name) or 1.0 for name in "abc"})
    assert "".join(order) == "abcbcacab"


def test_a_figure_belongs_to_its_alternative(workbench):
    """In any order of measurement, the figures stand under their names, in the order of the rounds."""
    ticks = iter(range(1, 7))
    workbench.compare("ticks", "1/s", {"a": lambda: float(next(ticks)), "b": lambda: -float(next(ticks))})
    assert workbench.comparisons[0].figures == {"a": [1, 4, 5], "b": [-2, -3, -6]}


def test_a_ratio_is_taken_within_a_round():
    """A round in which the machine was slow changes both sides, and so not the ratio."""
    ratios = Comparison("", "", "", {"a": [100, 10, 200], "b": [50, 5, 20]}).ratios
    assert ratios == {"a": 1, "b": 0.5}


def test_the_table_shows_median_spread_and_ratio(workbench, capsys):
    """The first line is the measure of the others."""
    figures = iter([1000, 1100, 600, 400, 500, 1200])
    workbench.compare("rates", "messages/s", {"a": lambda: next(figures), "b": lambda: next(figures)})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "example: rates  messages/s"
    assert [line.split() for line in lines[3:]] == [
        ["a", "500", "400", "..", "1,000", "1.00"],
        ["b", "1,100", "600", "..", "1,200", "1.50"],
    ]


def test_the_alternative_that_is_measured_has_its_name(workbench):
    """A note begins with the name."""
    seen = []
    workbench.compare(
        "names", "1/s", {name: lambda: seen.append(workbench.alternative) or 1.0 for name in "ab"}
    )
    assert "".join(seen) == "abbaab"


def test_a_note_stands_below_its_own_table(workbench, capsys):
    """Notes of a measurement; the next table has its own."""
    workbench.compare("noted", "1/s", {"a": lambda: workbench.note("seen") or 1.0})
    assert capsys.readouterr().out.splitlines()[-3:] == ["  seen"] * 3
    workbench.compare("quiet", "1/s", {"a": lambda: 1.0})
    assert [one.notes for one in workbench.comparisons] == [["seen"] * 3, []]


def test_a_failure_ends_the_benchmark(workbench):
    """A figure that can't be taken is not left out of the table: there is no table."""

    def fail():
        raise ValueError("no figure")

    with pytest.raises(ValueError, match="no figure"):
        workbench.compare("fails", "1/s", {"a": lambda: 1.0, "b": fail})
    assert not workbench.comparisons


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.0123"), (6.24, "6.24"), (61.23, "61.2"), (12_345.6, "12,346")]
)
def test_figures_have_three_significant_digits(value, text):
    """Three digits of a small one, no fraction of a large one."""
    assert report.figure(value) == text


def test_the_json_file_holds_every_figure(tmp_path):
    """The file has everything that a program needs to compare two runs."""
    path = tmp_path / "figures.json"
    comparison = Comparison("x", "rates", "1/s", {"a": [1, 3], "b": [2, 6]}, ["seen beside"])
    report.write(path, [comparison], {"rounds": 2})
    content = json.loads(path.read_text())
    assert content["options"] == {"rounds": 2}
    assert content["machine"]["cpus"] > 0
    assert content["comparisons"] == [
        {
            "benchmark": "x",
            "title": "rates",
            "unit": "1/s",
            "alternatives": [
                {"name": "a", "figures": [1, 3], "median": 2, "ratio": 1},
                {"name": "b", "figures": [2, 6], "median": 4, "ratio": 2},
            ],
            "notes": ["seen beside"],
        }
    ]
