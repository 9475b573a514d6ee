"""The arguments of commands, in one style. Quick to import: `--help` waits for no database library."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def command_parser(
    prog: str, description: str | None, *, examples: Sequence[str] = (), notes: str = ""
) -> ArgumentParser:
    """Return the parser of a command; `prog` is the command as a person types it.

    `examples` are the arguments of a few calls. Options can't be abbreviated: otherwise a new option could
    change the meaning of a call that worked.
    """
    calls = "\n".join(f"  {prog} {example}".rstrip() for example in examples)
    epilog = "\n\n".join(part for part in (notes, f"examples:\n{calls}" if calls else "") if part)
    return ArgumentParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def argument(read: Callable[[str], T], expected: str = "") -> Callable[[str], T]:
    """Return `read` as an argument's type; the error message is `expected`, or that of its ValueError."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as reason:
            # argparse leaves the reason out, and names the function instead.
            raise ArgumentTypeError(f"{text!r} {expected or reason}") from None

    return convert


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return an argument's type: a whole number from `least` to `most`."""

    def convert(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    return argument(convert, f"is not a whole number from {least:,} to {most:,}")


def end_with_the_pipe() -> None:
    """Make the process end on SIGPIPE, without a stack trace, as in `COMMAND | head`; only for queries."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def complain(sentence: object, *, code: int = 1) -> int:
    """Print the reason of a failure on standard error and return the exit code."""
    print(sentence, file=sys.stderr)
    return code
