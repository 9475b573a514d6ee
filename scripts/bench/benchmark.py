"""A benchmark: its name, a summary for `--list`, and the function that runs it."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One line of `--list`. `run` hands its alternatives to the workbench.

    One that is `only_by_name` does not belong to "all benchmarks".
    """

    name: str
    summary: str
    run: Callable[[Workbench], None]
    only_by_name: bool = False
