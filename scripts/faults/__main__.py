"""`./scripts/faults.sh`: try the faults, print the table; exit code 1 where the guarantee broke."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.faults import report
from scripts.faults.catalogue import FAULTS, named
from scripts.faults.controls import CONTROLS
from scripts.faults.errors import SkippedError
from scripts.faults.fault import Fault
from scripts.faults.run import Form, run
from scripts.faults.site import Site
from scripts.launcher import account, screen, signals
from scripts.launcher.errors import LaunchError
from scripts.launcher.guard import GUARD


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; returns the exit code."""
    wanted = _parser().parse_args(arguments)
    if wanted.list:
        _show_list()
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    signals.listen()
    try:
        with _site(keep=wanted.keep) as site:
            return _try_controls(site, wanted) if wanted.controls else _try_faults(site, wanted)
    except LaunchError as error:
        screen.failure(error)
        return 2
    except signals.StoppedBySignal as stopped:
        print("\nStopped.", file=sys.stderr)
        return 128 + stopped.number
    finally:
        signals.ignore()
        GUARD.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts.faults", description=main.__doc__)
    parser.add_argument("--faults", type=_names, default=named(None))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=Form.rate)
    parser.add_argument("--seconds", type=float, default=Form.seconds)
    parser.add_argument("--scale", type=float, default=Form.scale)
    parser.add_argument("--controls", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    return parser


def _names(text: str) -> list[Fault]:
    try:
        return named(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _show_list() -> None:
    for fault in FAULTS:
        print(f"{fault.name:<24}{fault.tells}{'' if fault.usual else '  (only by name)'}")
    print("\nBroken workers (--controls):")
    for control in CONTROLS:
        print(f"{control.name:<24}by {control.fault.name}")


def _try_faults(site: Site, wanted: argparse.Namespace) -> int:
    held, broken = 0, 0
    print(report.header())
    for fault in wanted.faults:
        for seed in range(wanted.first_seed, wanted.first_seed + wanted.seeds):
            try:
                outcome = run(site, fault, _form(wanted), seed=seed)
            except SkippedError as why:
                print(report.skipped(fault.name, str(why)))
                break
            print(report.line(fault.name, seed, outcome))
            held, broken = held + outcome.held, broken + (not outcome.held)
    print(f"\n{held} held, {broken} broken")
    return 1 if broken else 0


def _try_controls(site: Site, wanted: argparse.Namespace) -> int:
    caught, missed = 0, 0
    print(report.header())
    for control in CONTROLS:
        for seed in range(wanted.first_seed, wanted.first_seed + wanted.seeds):
            form = replace(_form(wanted), drain_within_s=15, back_within_s=6)
            outcome = run(site, control.fault, form, seed=seed, variants=control.variants)
            is_caught = control.is_caught(outcome)
            verdict = f"{'caught' if is_caught else 'NOT CAUGHT'}: {'; '.join(outcome.broken())}"
            print(report.line(control.name, seed, outcome, verdict))
            caught, missed = caught + is_caught, missed + (not is_caught)
    print(f"\n{caught} caught, {missed} not caught")
    return 1 if missed else 0


def _form(wanted: argparse.Namespace) -> Form:
    return Form(rate=wanted.rate, seconds=wanted.seconds, scale=wanted.scale)


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
    sys.exit(main())
