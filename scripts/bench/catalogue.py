"""Every benchmark, in the order in which they run."""

from scripts.bench.benchmark import Benchmark
from scripts.bench.broker import BROKER
from scripts.bench.receipts import RECEIPTS

BENCHMARKS = [BROKER, RECEIPTS]


def named(name: str) -> Benchmark:
    """The benchmark of this name. Raises ValueError."""
    for benchmark in BENCHMARKS:
        if benchmark.name == name:
            return benchmark
    raise ValueError(f"no such benchmark: {name} (--list names them)")
