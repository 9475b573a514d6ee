"""A benchmark: its name, what it compares, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One line of `--list`. `run` hands the workbench whatever it wants compared."""

    name: str
    tells: str
    run: Callable[[Workbench], None]
