"""`./scripts/faults.sh`: try the faults, print the table; exit code 1 where the guarantee broke."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.faults import report
from scripts.faults.catalogue import FAULTS, named
from scripts.faults.controls import CONTROLS
from scripts.faults.fault_error import SkippedError
from scripts.faults.run import RunParameters, run
from scripts.faults.site import Site
from scripts.launcher import account, signals
from scripts.launcher.frame import run_launcher
from shared.command_arguments import argument, command_parser, end_with_the_pipe, whole_number


def main(arguments: list[str] | None = None) -> int:
    """Run the faults or controls that the arguments name; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    if parsed.list:
        _show_list()
        return 0

    def run_on_site() -> int:
        with _site(keep=parsed.keep) as site:
            return _try_controls(site, parsed) if parsed.controls else _try_faults(site, parsed)

    return run_launcher(run_on_site, failed=2)


def _parser() -> ArgumentParser:
    parser = command_parser(
        "./scripts/faults.sh",
        "Break the system on purpose and count what became of every reading. Exit code 1 where\n"
        "the guarantee broke, 2 where a server can't be started.",
        examples=["", "--faults worker-kill,postgres-kill --seeds 5", "--controls", "--list"],
    )
    add = parser.add_argument
    add(
        "--faults",
        type=argument(named, f"is not a list of faults, `all` or some of {','.join(f.name for f in FAULTS)}"),
        default=named(None),
        metavar="NAMES",
        help="comma-separated, or `all`; else the usual ones (--list names them)",
    )
    add("--seeds", type=_count, default=1, metavar="N", help="runs of each fault (default 1)")
    add("--first-seed", type=_count, default=1, metavar="N", help="the first of these seeds (default 1)")
    for name, default, text in (
        ("rate", RunParameters.rate, "readings a second over MQTT"),
        ("seconds", RunParameters.seconds, "the least time to send for"),
        ("scale", RunParameters.scale, "how long outages last, as a factor"),
    ):
        add(
            f"--{name}",
            type=argument(_above_0, "is not a number above 0"),
            default=default,
            metavar="X",
            help=f"{text} (default {default:g})",
        )
    add("--controls", action="store_true", help="try broken workers instead: each must be caught")
    add("--keep", action="store_true", help="leave files and logs")
    add("--list", action="store_true", help="name the faults, and what each does")
    return parser


_count = whole_number(1, 1_000_000_000)


def _above_0(text: str) -> float:
    if not 0 < (number := float(text)) < float("inf"):
        raise ValueError
    return number


def _show_list() -> None:
    for fault in FAULTS:
        print(f"{fault.name:<24}{fault.description}{'' if fault.usual else '  (only by name)'}")
    print("\nBroken workers (--controls):")
    for control in CONTROLS:
        print(f"{control.name:<24}by {control.fault.name}")


def _try_faults(site: Site, arguments: Namespace) -> int:
    held, broken = 0, 0
    print(report.header())
    for fault in arguments.faults:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            try:
                outcome = run(site, fault, _parameters(arguments), seed=seed)
            except SkippedError as why:
                print(report.skipped(fault.name, str(why)))
                break
            print(report.line(fault.name, seed, outcome))
            held, broken = held + outcome.held, broken + (not outcome.held)
    print(f"\n{held} held, {broken} broken")
    return 1 if broken else 0


def _try_controls(site: Site, arguments: Namespace) -> int:
    caught, missed = 0, 0
    print(report.header())
    for control in CONTROLS:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            parameters = replace(_parameters(arguments), drain_within_s=15, back_within_s=6)
            outcome = run(site, control.fault, parameters, seed=seed, variants=control.variants)
            is_caught = control.is_caught(outcome)
            verdict = f"{'caught' if is_caught else 'NOT CAUGHT'}: {'; '.join(outcome.broken())}"
            print(report.line(control.name, seed, outcome, verdict))
            caught, missed = caught + is_caught, missed + (not is_caught)
    print(f"\n{caught} caught, {missed} not caught")
    return 1 if missed else 0


def _parameters(arguments: Namespace) -> RunParameters:
    return RunParameters(rate=arguments.rate, seconds=arguments.seconds, scale=arguments.scale)


@contextmanager
def _site(*, keep: bool) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="battery-faults-"))
    account.let_pass(folder)
    site = Site(folder)
    try:
        site.start()
        yield site
    finally:
        signals.ignore()
        site.stop()
        if keep:
            print(f"Files and logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if "--list" in sys.argv:
        end_with_the_pipe()
    sys.exit(main())
