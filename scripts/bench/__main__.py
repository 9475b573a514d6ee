"""`./scripts/bench.sh`: run the benchmarks, print their tables."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import logging
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.bench import report
from scripts.bench.catalogue import BENCHMARKS, named
from scripts.bench.driven_fleet import FEWEST_READINGS, MOST_READINGS
from scripts.bench.sample_readings import MOST_VEHICLES
from scripts.bench.workbench import FEWEST_ROWS, Workbench
from scripts.launcher import account, signals
from scripts.launcher.frame import run_launcher
from shared.command_arguments import argument, command_parser, end_with_the_pipe, whole_number

_MOST = 1_000_000_000
_OPTIONS = ("rounds", "messages", "vehicles", "rows", "readings", "seconds")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks that the arguments name; returns the exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.list:
        for benchmark in BENCHMARKS:
            print(f"{benchmark.name:<12}{benchmark.summary}")
        return 0
    if parsed.json:
        try:
            # Opened before the first measurement: a wrong path must not cost minutes of measuring.
            parsed.json.open("a").close()
        except OSError as refused:
            parser.error(f"argument --json: {str(parsed.json)!r} can't be written: {refused.strerror}")
    # psycopg would report a statement that a signal interrupts on standard error.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    return run_launcher(lambda: _run(parsed), failed=2)


def _run(arguments: Namespace) -> int:
    options = {name: getattr(arguments, name) for name in _OPTIONS}
    with _folder() as folder:
        workbench = Workbench(folder, **options)
        for benchmark in arguments.names or [one for one in BENCHMARKS if not one.only_by_name]:
            workbench.benchmark = benchmark.name
            benchmark.run(workbench)
    if arguments.json:
        report.write(arguments.json, workbench.comparisons, options)
    return 0


def _parser() -> ArgumentParser:
    parser = command_parser(
        "./scripts/bench.sh",
        "Measure alternatives against each other, in turn, round after round.\n"
        "Without a name: all benchmarks but those that install other software.",
        examples=[
            "--list",
            "latest post --rounds 5",
            "pipeline arrays post --vehicles 20000",
            "summary --rows 3153600 --json figures.json",
        ],
    )
    add = parser.add_argument
    known = ", ".join(benchmark.name for benchmark in BENCHMARKS)
    add(
        "names",
        nargs="*",
        type=argument(named, f"is not a benchmark; there are {known}"),
        metavar="NAME",
        help=f"one of {known}",
    )
    count = whole_number(1, _MOST)
    rounds, messages, rows = Workbench.rounds, Workbench.messages, Workbench.rows
    add("--rounds", type=count, default=rounds, metavar="N", help=f"of each alternative (default {rounds})")
    add("--messages", type=count, default=messages, metavar="N", help=f"worked off (default {messages})")
    add(
        "--vehicles",
        type=whole_number(1, MOST_VEHICLES),
        default=Workbench.vehicles,
        metavar="N",
        help=f"that send the messages, each in turn (default {Workbench.vehicles})",
    )
    add(
        "--rows",
        type=whole_number(FEWEST_ROWS, _MOST),
        default=rows,
        metavar="N",
        help=f"readings that are stored beforehand (default {rows})",
    )
    add(
        "--readings",
        type=whole_number(FEWEST_READINGS, MOST_READINGS),
        default=Workbench.readings,
        metavar="N",
        help=f"that `reads` stores, below 3000000 of fewer vehicles (default {Workbench.readings})",
    )
    add(
        "--seconds",
        type=argument(_seconds, "is not a number of seconds above 0 and below 3,600"),
        default=Workbench.seconds,
        metavar="S",
        help=f"how long a rate is measured where it has no natural end (default {Workbench.seconds:g})",
    )
    add("--json", type=Path, metavar="FILE", help="write every figure to this file, too")
    add("--list", action="store_true", help="name the benchmarks, and what each compares")
    return parser


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) < 3600:
        raise ValueError
    return seconds


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
    if "--list" in sys.argv:
        end_with_the_pipe()
    sys.exit(main())
