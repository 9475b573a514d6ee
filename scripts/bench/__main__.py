"""`./scripts/bench.sh`: run the benchmarks, print their tables."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import io
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.bench import report
from scripts.bench.benchmark import Benchmark
from scripts.bench.catalogue import BENCHMARKS, named
from scripts.bench.workbench import FEWEST_ROWS, Workbench
from scripts.launcher import account, screen, signals
from scripts.launcher.errors import LaunchError
from scripts.launcher.guard import GUARD

_OPTIONS = ("rounds", "messages", "rows", "seconds")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; returns the exit code."""
    wanted = _parser().parse_args(arguments)
    if wanted.list:
        for benchmark in BENCHMARKS:
            print(f"{benchmark.name:<12}{benchmark.tells}")
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    # What a signal interrupts amid a statement, it would tell on standard error.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    signals.listen()
    try:
        _run(wanted)
    except LaunchError as error:
        screen.failure(error)
        return 2
    except signals.StoppedBySignal as stopped:
        print("\nStopped.", file=sys.stderr)
        return 128 + stopped.number
    else:
        return 0
    finally:
        signals.ignore()
        GUARD.close()


def _run(wanted: argparse.Namespace) -> None:
    options = {name: getattr(wanted, name) for name in _OPTIONS}
    with _folder() as folder:
        workbench = Workbench(folder, **options)
        for benchmark in wanted.names or BENCHMARKS:
            workbench.benchmark = benchmark.name
            benchmark.run(workbench)
    if wanted.json:
        report.write(wanted.json, workbench.comparisons, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts.bench", description=main.__doc__)
    parser.add_argument("names", nargs="*", type=_named, metavar="NAME")
    parser.add_argument("--rounds", type=_positive, default=Workbench.rounds)
    parser.add_argument("--messages", type=_positive, default=Workbench.messages)
    parser.add_argument("--rows", type=_thousands, default=Workbench.rows)
    parser.add_argument("--seconds", type=_seconds, default=Workbench.seconds)
    parser.add_argument("--json", type=_writable, metavar="FILE")
    parser.add_argument("--list", action="store_true")
    return parser


def _named(text: str) -> Benchmark:
    try:
        return named(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError("must be a number from 1 on")
    return int(text)


def _thousands(text: str) -> int:
    if (number := _positive(text)) < FEWEST_ROWS:
        raise argparse.ArgumentTypeError(f"must be a number from {FEWEST_ROWS:,} on")
    return number


def _seconds(text: str) -> float:
    try:
        if 0 < (seconds := float(text)) < 3600:
            return seconds
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("must be a number of seconds above 0")


def _writable(text: str) -> Path:
    """Tried at once, not after minutes of measuring."""
    path = Path(text)
    try:
        path.open("a").close()
    except OSError as refused:
        raise argparse.ArgumentTypeError(f"can't be written: {refused.strerror}") from None
    return path


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="battery-bench-"))
    account.let_pass(folder)
    try:
        yield folder
    finally:
        signals.ignore()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
