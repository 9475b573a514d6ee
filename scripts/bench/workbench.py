"""Where benchmarks are run: takes figures in alternation and keeps them."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench import report
from scripts.bench.comparison import Comparison
from scripts.launcher import account

FEWEST_ROWS = 1_000
"""A hundredth of them is still a fleet."""


@dataclass
class Workbench:
    """`messages` is the size of what waits or is worked off, `rows` of what is stored beforehand (readings,
    1,000 or more); `seconds` bounds what has no natural end. `postgres_settings` is for tests.
    """

    folder: Path
    rounds: int = 3
    messages: int = 100_000
    rows: int = 1_000_000
    seconds: float = 4.0
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    benchmark: str = ""
    comparisons: list[Comparison] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def compare(self, title: str, unit: str, alternatives: Mapping[str, Callable[[], float]]) -> None:
        """Call each alternative once a round for its figure, then show the table."""
        print(f"\n{self.benchmark}: {title}", file=sys.stderr)
        names = list(alternatives)
        self._notes = []
        figures: dict[str, list[float]] = {name: [] for name in names}
        for number in range(self.rounds):
            # Another one begins each round: nobody always comes first, or always after the slowest.
            first = number % len(names)
            for name in names[first:] + names[:first]:
                figures[name].append(self._take(name, unit, number, alternatives[name]))
        comparison = Comparison(self.benchmark, title, unit, figures, self._notes)
        self.comparisons.append(comparison)
        report.show(comparison)

    def note(self, text: str) -> None:
        """Tell below the table what was seen while a figure was taken."""
        self._notes.append(text)

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """An empty folder for the servers of one figure."""
        with account.temporary_folder("figure-", self.folder) as folder:
            yield folder

    def _take(self, name: str, unit: str, number: int, measure: Callable[[], float]) -> float:
        print(f"  round {number + 1} of {self.rounds}  {name}: ", end="", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            figure = measure()
        except BaseException:
            print("-", file=sys.stderr, flush=True)
            raise
        took = time.monotonic() - began
        print(f"{report.figure(figure)} {unit}  ({took:.1f} s)", file=sys.stderr, flush=True)
        return figure
