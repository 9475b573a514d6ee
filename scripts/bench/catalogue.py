"""Every benchmark, in the order in which they run."""

from scripts.bench.arrays import ARRAYS
from scripts.bench.batch import BATCH
from scripts.bench.benchmark import Benchmark
from scripts.bench.broker import BROKER
from scripts.bench.cpu import CPU
from scripts.bench.diagnoses import DIAGNOSES
from scripts.bench.dialects import DIALECT_RATES
from scripts.bench.disk import DISK
from scripts.bench.export import EXPORT
from scripts.bench.growth import GROWTH
from scripts.bench.latest import LATEST
from scripts.bench.page import PAGE
from scripts.bench.peer_kills import PEER_KILLS
from scripts.bench.peers import PEERS
from scripts.bench.pipeline import PIPELINE
from scripts.bench.post import POST
from scripts.bench.reads import READS
from scripts.bench.receipts import RECEIPTS
from scripts.bench.signals import SIGNALS_ALONE
from scripts.bench.summary import SUMMARY

BENCHMARKS = [
    BROKER,
    PIPELINE,
    ARRAYS,
    POST,
    SIGNALS_ALONE,
    DIALECT_RATES,
    RECEIPTS,
    BATCH,
    CPU,
    LATEST,
    SUMMARY,
    EXPORT,
    GROWTH,
    DIAGNOSES,
    DISK,
    PAGE,
    READS,
    PEERS,
    PEER_KILLS,
]


def named(name: str) -> Benchmark:
    """Return the benchmark of this name. Raises ValueError."""
    for benchmark in BENCHMARKS:
        if benchmark.name == name:
            return benchmark
    raise ValueError(f"no such benchmark: {name} (--list names them)")
