"""Benchmark of reads: our API against plain SQL on the same database, DuckDB and chDB on the same rows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from scripts.bench import package_environment
from scripts.bench.benchmark import Benchmark
from scripts.bench.comparison import Comparison
from scripts.bench.database import database
from scripts.bench.driven_fleet import DrivenFleet, driven_fleet
from scripts.bench.export_rate import Download
from scripts.bench.our_api import our_api
from scripts.bench.read_answers import Answer, Engine, Timing, by_api, by_sql, counted, require_the_same
from scripts.bench.read_questions import OurApi, Rows, exported_vins, questions
from scripts.bench.report import figure
from scripts.bench.workbench import Workbench
from scripts.launcher import screen

ENGINES = {"DuckDB": "duckdb==2.0.1", "chDB": "chdb==4.4.0"}
OURS = "ours, over HTTP"
_SHARE = 8


def _run(workbench: Workbench) -> None:
    """Compare with every engine that can be installed."""
    compare(workbench, *package_environment.available(ENGINES))


READS = Benchmark(
    "reads",
    "ms of the questions of TSBS's IoT suite and of the dashboard: ours, plain SQL, DuckDB, chDB",
    _run,
    only_by_name=True,
)


def compare(workbench: Workbench, engines: dict[str, Path], missing: list[str]) -> None:
    """Ask each question of everyone, require equal answers, then take times; then print the factors."""
    fleet = driven_fleet(workbench.readings)
    done = len(workbench.comparisons)
    with ExitStack() as stack:
        folder = stack.enter_context(workbench.fresh_folder())
        place = stack.enter_context(database(folder, workbench.postgres_settings))
        fleet.store(place)
        api = stack.enter_context(our_api(workbench, place))
        connection = stack.enter_context(place.connect())
        answers: dict[str, Answer] = {OURS: by_api(api), "plain SQL on the same rows": by_sql(connection)}
        if engines:
            fleet.write(place, folder / "readings.csv")
        for name, python in engines.items():
            engine = stack.enter_context(_running(name, python, folder))
            answers[f"{name} on Parquet"] = engine.answer
        for question in questions(fleet, partial(_export, fleet)):
            rows = require_the_same(question, answers)
            timings = {name: Timing(answer, workbench.seconds / _SHARE) for name, answer in answers.items()}
            workbench.compare(
                f"{question.name}: {rows:,} row{'s' * (rows > 1)} from {fleet}",
                "ms",
                {name: partial(timing.milliseconds, question) for name, timing in timings.items()},
            )
    _show_factors(workbench.comparisons[done:])
    for sentence in missing:
        print(f"  {sentence}")


@contextmanager
def _running(name: str, python: Path, folder: Path) -> Iterator[Engine]:
    log = folder / f"{name.lower()}.log"
    engine = Engine(name, python, folder / "readings.csv", folder / "readings.parquet", log=log)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def _export(fleet: DrivenFleet, api: OurApi) -> Rows:
    """Download an export; count its lines without the header, and sum their soc where rows are wanted."""
    parts = Download(api.api, exported_vins(fleet)).parts()
    if api.wants_rows:
        return counted(b"".join(parts).splitlines()[1:])
    return [[sum(part.count(b"\n") for part in parts) - 1]]


def _show_factors(comparisons: list[Comparison]) -> None:
    """Print each question with the factor of our time to the least time of the others."""
    screen.heading("reads: our time / the least of the others", "median of the rounds, min .. max")
    rows = []
    for comparison in comparisons:
        factors = _factors(comparison)
        others = {name: median(taken) for name, taken in comparison.figures.items() if name != OURS}
        rows.append(
            [
                comparison.title.partition(":")[0],
                figure(median(factors)),
                f"{figure(min(factors))} .. {figure(max(factors))}",
                min(others, key=others.__getitem__),
            ]
        )
    screen.table(["", "factor", "min .. max", "the best of the others"], rows)


def _factors(comparison: Comparison) -> list[float]:
    ours, *others = comparison.figures.values()
    return [one / min(rest) for one, *rest in zip(ours, *others, strict=True)]
