"""Every benchmark, in the order in which they run."""

from collections.abc import Sequence

from scripts.bench.benchmark import Benchmark
from scripts.bench.broker import BROKER
from scripts.bench.receipts import RECEIPTS

BENCHMARKS = [BROKER, RECEIPTS]


def named(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names; none named: all. Raises ValueError."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no such benchmark: {', '.join(unknown)} (--list names them)")
    return [known[name] for name in names] or BENCHMARKS
