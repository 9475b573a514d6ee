"""The workbench of the benchmarks: takes figures in turn and keeps them."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench import report
from scripts.bench.comparison import Comparison
from scripts.bench.sample_readings import VEHICLES
from scripts.launcher import account

FEWEST_ROWS = 1_000
"""The least number of stored readings: a hundredth of them is still a fleet."""


@dataclass
class Workbench:
    """Settings and results of a run.

    `messages` is the size of a backlog, `vehicles` the number of vehicles that send it, each in turn; `rows`
    is the number of readings stored beforehand (1,000 or more), `readings` that of `reads`; `seconds` bounds
    measurements that have no natural end. `postgres_settings` is for tests. `alternative` is the
    one that is being measured.
    """

    folder: Path
    rounds: int = 3
    messages: int = 100_000
    vehicles: int = VEHICLES
    rows: int = 1_000_000
    readings: int = 3_000_000
    seconds: float = 4.0
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    benchmark: str = ""
    alternative: str = ""
    comparisons: list[Comparison] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def compare(
        self,
        title: str,
        unit: str,
        alternatives: Mapping[str, Callable[[], float]],
        *,
        notes: Sequence[str] = (),
    ) -> None:
        """Call each alternative once a round for its figure, then print the table, with notes below it."""
        print(f"\n{self.benchmark}: {title}", file=sys.stderr)
        names = list(alternatives)
        self._notes = list(notes)
        figures: dict[str, list[float]] = {name: [] for name in names}
        for number in range(self.rounds):
            # Each round begins with another alternative: none is always first, or always after the slowest.
            first = number % len(names)
            for name in names[first:] + names[:first]:
                figures[name].append(self._take(name, unit, number, alternatives[name]))
        comparison = Comparison(self.benchmark, title, unit, figures, self._notes)
        self.comparisons.append(comparison)
        report.show(comparison)

    def note(self, text: str) -> None:
        """Add a line below the table that is being measured."""
        self._notes.append(text)

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """Create an empty folder for the servers of one figure; removed at the end."""
        with account.temporary_folder("figure-", self.folder) as folder:
            yield folder

    def _take(self, name: str, unit: str, number: int, measure: Callable[[], float]) -> float:
        print(f"  round {number + 1} of {self.rounds}  {name}: ", end="", file=sys.stderr, flush=True)
        self.alternative = name
        began = time.monotonic()
        try:
            figure = measure()
        except BaseException:
            print("-", file=sys.stderr, flush=True)
            raise
        took = time.monotonic() - began
        print(f"{report.figure(figure)} {unit}  ({took:.1f} s)", file=sys.stderr, flush=True)
        return figure
