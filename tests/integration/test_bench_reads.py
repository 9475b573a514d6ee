"""The benchmark `reads` in a short form: our API and plain SQL, without other engines."""

import pytest

from scripts.bench import package_environment, read_answers, reads
from scripts.bench.bench_error import MeasureError
from scripts.bench.driven_fleet import driven_fleet
from scripts.bench.read_questions import Question
from scripts.bench.workbench import Workbench
from tests.conftest import FAST, server_folder


@pytest.mark.nightly
def test_ours_and_plain_sql(capsys):
    """Each question has equal answers and two figures, and a factor; the absent engine is named."""
    with server_folder() as folder:
        workbench = Workbench(folder, rounds=1, readings=6_000, seconds=0.1, postgres_settings=FAST)
        reads.compare(workbench, {}, ["DuckDB is left out."])
        assert list(folder.iterdir()) == []
    assert len(workbench.comparisons) == 8
    for comparison in workbench.comparisons:
        assert len(comparison.figures) == 2
        assert all(taken[0] > 0 for taken in comparison.figures.values())
    output = capsys.readouterr().out
    factors = output.partition("our time / the least of the others")[2]
    assert factors.count("plain SQL on the same rows") == 8
    assert output.endswith("  DuckDB is left out.\n")


@pytest.mark.parametrize(
    "rows",
    [[], [["VIN-1", 1.0]], [["VIN-1", 1.0], ["VIN-2", 2.001]], [["VIN-1", 1.0], ["VIN-3", 2.0]]],
)
def test_other_answers_are_refused(rows):
    """No time is taken of an answer that lacks a row, or has another value."""
    question = Question("of the test", None, "", "", "")
    right = [["VIN-1", 1.0], ["VIN-2", 2.0]]
    answers = {"ours": lambda *_: (0.1, right), "other": lambda *_: (0.1, rows)}
    with pytest.raises(MeasureError, match="of the test: other finds"):
        read_answers.require_the_same(question, answers)
    assert read_answers.require_the_same(question, answers | {"other": answers["ours"]}) == 2


def test_times_agree_in_every_form():
    """RFC 3339 and the forms of the engines are the same moment; another microsecond is not."""
    question = Question("of the test", None, "", "", "")

    def same(one, other):
        answers = {"ours": lambda *_: (0.1, [[one]]), "other": lambda *_: (0.1, [[other]])}
        return read_answers.require_the_same(question, answers)

    assert same("2025-01-01T06:00:00Z", "2025-01-01 06:00:00.000000") == 1
    with pytest.raises(MeasureError):
        same("2025-01-01T06:00:00Z", "2025-01-01 06:00:01")


@pytest.mark.parametrize(
    ("readings", "vehicles", "each_day", "dense"),
    [(600, 1, 20, 20), (6_000, 10, 20, 60), (3_000_000, 5_000, 20, 8_640), (6_000_000, 5_000, 40, 8_640)],
)
def test_the_fleet_by_its_readings(readings, vehicles, each_day, dense):
    """Up to 5,000 vehicles with 20 readings a day, then more readings a day; one with up to 8,640."""
    fleet = driven_fleet(readings)
    assert (fleet.vehicles, fleet.each_day, fleet.dense_each_day) == (vehicles, each_day, dense)
    assert fleet.readings == readings


@pytest.mark.nightly
def test_an_engine_that_can_not_be_installed(tmp_path):
    """The engine is named with the reason, no half-made environment stays, and the other ones are found."""
    (tmp_path / "chdb-0").mkdir()
    engines = {"DuckDB": "no such package==1", "chDB": "chdb==0"}
    found, missing = package_environment.available(engines, tmp_path)
    assert list(found) == ["chDB"]
    assert len(missing) == 1
    assert missing[0].startswith(
        "DuckDB is left out: no such package==1 can't be installed. pip says: Invalid"
    )
    assert sorted(one.name for one in tmp_path.iterdir()) == ["chdb-0", "no such package-1.log"]
