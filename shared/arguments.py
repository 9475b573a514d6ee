"""The arguments of every command, in one style. Quick to import: usage waits for no database library."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def command_parser(
    prog: str, description: str | None, *, examples: Sequence[str] = (), notes: str = ""
) -> ArgumentParser:
    """Make the parser of a command; `prog` is the command as a person types it.

    `examples` are the arguments of a few calls. An option is only taken by its whole name: with
    abbreviations, a new option would change the meaning of a call that worked.
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
    """Return `read` as the type of an argument: `expected`, or the words of its ValueError, say why not."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as reason:
            # argparse leaves the reason out, and names the function instead.
            raise ArgumentTypeError(f"{text!r} {expected or reason}") from None

    return convert


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number from `least` to `most`."""

    def convert(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    return argument(convert, f"is not a whole number from {least:,} to {most:,}")


def end_with_the_pipe() -> None:
    """Let `COMMAND | head` end as quietly as any program. For commands that only print what they find."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def complain(sentence: object, *, code: int = 1) -> int:
    """Print why the command fails on standard error; returns the exit code."""
    print(sentence, file=sys.stderr)
    return code
