"""Output of the figures: a table for a terminal, JSON for a program."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from scripts.bench.comparison import Comparison
from scripts.launcher import screen


def figure(value: float) -> str:
    """Format a figure with three significant digits, or as a whole number from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show(comparison: Comparison) -> None:
    """Print the table of one comparison."""
    screen.heading(f"{comparison.benchmark}: {comparison.title}", comparison.unit)
    ratios = comparison.ratios
    rows = [
        [name, figure(median(taken)), f"{figure(min(taken))} .. {figure(max(taken))}", _ratio(ratios[name])]
        for name, taken in comparison.figures.items()
    ]
    screen.table(["", "median", "min .. max", "ratio"], rows)
    for note in comparison.notes:
        print(f"  {note}")


def write(path: Path, comparisons: Sequence[Comparison], options: Mapping[str, object]) -> None:
    """Write all figures as JSON."""
    # Not platform.platform(): it starts `uname` for a field that is not shown.
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    machine = {"system": system, "cpus": os.cpu_count(), "python": platform.python_version()}
    results = [
        {
            "benchmark": one.benchmark,
            "title": one.title,
            "unit": one.unit,
            "alternatives": [
                {"name": name, "figures": taken, "median": median(taken), "ratio": one.ratios[name]}
                for name, taken in one.figures.items()
            ],
            "notes": one.notes,
        }
        for one in comparisons
    ]
    text = json.dumps({"machine": machine, "options": dict(options), "comparisons": results}, indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if 0.095 <= value < 99.5 else figure(value)
