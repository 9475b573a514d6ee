"""Answers to the questions of the benchmark `reads`: their times, and whether all agree."""

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from scripts.bench import http_link
from scripts.bench.bench_error import MeasureError
from scripts.bench.read_questions import OurApi, Question, Rows, moment
from scripts.launcher.guard import ROOT
from scripts.launcher.module import Api
from scripts.launcher.server import Server

_FEWEST = 3
_LONG_S = 2.0
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*")

Answer = Callable[[Question, bool], tuple[float, Rows]]
"""Answer a question; returns the seconds, and the rows where they are wanted."""


class Engine(Server):
    """DuckDB or chDB in an environment of its own, over the readings as Parquet."""

    def __init__(self, name: str, python: Path, source: Path, parquet: Path, *, log: Path) -> None:
        # chDB leaves folders behind: here they go with the folder of the run.
        super().__init__(name, log=log, env={"PYTHONPATH": str(ROOT), "TMPDIR": str(log.parent)})
        module = "scripts.bench.read_engine"
        self._arguments = [str(python), "-m", module, name.lower(), str(source), str(parquet)]

    # Also the time in which the Parquet file is written.
    ready_within = 600.0

    def command(self) -> list[str]:
        return [*self._arguments, str(self.port)]

    def answer(self, question: Question, wants_rows: bool) -> tuple[float, Rows]:
        """Answer a question; the time is the engine's own, without HTTP."""
        sql = question.duckdb if self.name == "DuckDB" else question.chdb
        asked = {"sql": sql, "is_file": question.is_file, "wants_rows": wants_rows}
        with http_link.HttpLink(self.host, self.port) as link:
            found = json.loads(link.ask(http_link.post(self.host, "/", json.dumps(asked).encode())))
        return found["seconds"], found["rows"]


def by_api(api: Api) -> Answer:
    """Return a function that asks our API; the time includes HTTP and the decoding of JSON."""

    def answer(question: Question, wants_rows: bool) -> tuple[float, Rows]:
        with http_link.HttpLink(api.host, api.port) as link:
            ours = OurApi(api, link, wants_rows=wants_rows)
            began = time.perf_counter()
            rows = question.ours(ours)
            return time.perf_counter() - began, rows

    return answer


def by_sql(connection: psycopg.Connection[Any]) -> Answer:
    """Return a function that asks PostgreSQL by plain SQL on `telemetry`, over one connection."""

    def answer(question: Question, wants_rows: bool) -> tuple[float, Rows]:
        began = time.perf_counter()
        if question.is_file:
            rows = _copied(connection, question.postgres, wants_rows=wants_rows)
        else:
            rows = [list(row) for row in connection.execute(question.postgres.encode(), binary=True)]
        return time.perf_counter() - began, rows

    return answer


def _copied(connection: psycopg.Connection[Any], sql: str, *, wants_rows: bool) -> Rows:
    copy = f"COPY ({sql}) TO STDOUT (FORMAT csv)".encode()
    with connection.cursor().copy(copy) as copied:
        lines = [bytes(line) for line in copied] if wants_rows else sum(1 for _ in copied)
    return counted(lines) if isinstance(lines, list) else [[lines]]


def counted(lines: Sequence[bytes]) -> Rows:
    """Return the number of lines of a CSV file and the sum of its soc."""
    return [[len(lines), math.fsum(float(line.split(b",")[3]) for line in lines)]]


@dataclass(frozen=True, slots=True)
class Timing:
    """One who answers, and the time that is spent on each figure."""

    answer: Answer
    seconds: float

    def milliseconds(self, question: Question) -> float:
        """Return the median time of three answers, or of as many as the seconds suffice for.

        A question that takes long is asked once.
        """
        times: list[float] = []
        began = time.monotonic()
        while (took := time.monotonic() - began) < self.seconds or (len(times) < _FEWEST and took < _LONG_S):
            times.append(self.answer(question, False)[0])
        return 1000 * median(times)


def require_the_same(question: Question, answers: dict[str, Answer]) -> int:
    """Raise MeasureError unless all give the same rows, at least one; returns how many."""
    (first, answer), *others = answers.items()
    expected = _plain(answer(question, True)[1])
    if not expected:
        raise MeasureError(f"{question.name}: {first} finds no row.")
    for name, other in others:
        found = _plain(other(question, True)[1])
        if len(found) != len(expected):
            raise MeasureError(
                f"{question.name}: {name} finds {len(found):,} rows, {first} {len(expected):,}."
            )
        for one, row in zip(expected, found, strict=True):
            if len(one) != len(row) or not all(map(_agree, one, row)):
                raise MeasureError(f"{question.name}: {name} finds {row}, {first} {one}.")
    return len(expected)


def _plain(rows: Rows) -> Rows:
    """Parse the times that are text."""
    return [
        [moment(value) if isinstance(value, str) and _TIME.fullmatch(value) else value for value in row]
        for row in rows
    ]


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        # Power over HTTP has four decimals, and sums depend on their order.
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=5.1e-5)
    return bool(one == other)
