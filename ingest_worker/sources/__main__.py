"""The command `python -m ingest_worker.sources list|show|check|try`: mappings, without broker or database."""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest_worker.sources.capture import InvalidCaptureError, read_capture
from ingest_worker.sources.trial import Trial
from shared.command import run_command
from shared.command_arguments import command_parser, complain, end_with_the_pipe
from shared.settings import ReadingSettings
from shared.sources.mapping_file import dialect_summary, load_sources
from shared.sources.mistake import MappingError
from shared.sources.shipped_dialects import dialect_names, dialect_text
from shared.wire.reading import SIGNALS
from shared.wording import counted


def list_command(_arguments: Namespace, _settings: ReadingSettings) -> int:
    """Print the shipped dialects, with the signals that each gives and those that it lacks."""
    for name in dialect_names():
        summary = dialect_summary(name)
        lacks = [signal for signal in SIGNALS if signal not in summary.signals]
        needs = "" if summary.has_prefix else "; prefix must be told"
        print(f"{name}: {summary.about}{needs}")
        print(f"  gives {', '.join(summary.signals)}" + (f"; lacks {', '.join(lacks)}" if lacks else ""))
    return 0


def show_command(arguments: Namespace, _settings: ReadingSettings) -> int:
    """Print a dialect as TOML, to copy into a mapping file."""
    print(dialect_text(arguments.name), end="")
    return 0


def check_command(arguments: Namespace, _settings: ReadingSettings) -> int:
    """Check a mapping file, and print its sources with their topic filters."""
    sources = load_sources(arguments.file)
    for source in sources.sources:
        ids = counted(len(source.vehicles.table), "vehicle") + (
            " and any VIN" if source.vehicles.as_is else ""
        )
        print(f"{source.name}: {ids}; {', '.join(source.signals)}")
        for topic in source.telemetry_filters + source.status_filters:
            print(f"  {topic}")
        if not source.vehicles.table and not source.vehicles.as_is:
            print("  no vehicles yet: every message is rejected as unknown_vehicle")
    return 0


def try_command(arguments: Namespace, settings: ReadingSettings) -> int:
    """Print each reading of a capture, or the reason why there is none, and a summary."""
    trial = Trial(load_sources(arguments.file), timedelta(seconds=settings.max_future_skew_s))
    with ExitStack() as stack:
        lines: Iterable[bytes] = sys.stdin.buffer
        if arguments.capture is not None:
            try:
                lines = stack.enter_context(arguments.capture.open("rb"))
            except OSError as error:
                return complain(f"{arguments.capture}: can't be read: {error.strerror}", code=2)
        try:
            for line in trial.run(read_capture(lines, datetime.now(UTC))):
                print(line, flush=True)
        except InvalidCaptureError as broken:
            return complain(f"{arguments.capture or 'standard input'}: {broken}", code=2)
        finally:
            # Also after Ctrl-C, which ends a capture that is piped in.
            for line in trial.finish():
                print(line)
    return 1 if trial.rejected else 0


_PROG = "python -m ingest_worker.sources"
_EXAMPLES = [
    "list",
    "show ovms",
    "check sources.toml",
    "try sources.toml --capture capture.jsonl",
]


def _parser() -> ArgumentParser:
    parser = command_parser(
        _PROG,
        "List and show the shipped dialects; check a mapping file, or try it with a capture. No command\n"
        "connects to a server or stores a reading.",
        notes=f"`{_PROG} COMMAND --help` shows the options of a command. A capture is made with\n"
        "  mosquitto_sub -t 'ovms/#' -F %j > capture.jsonl",
        examples=_EXAMPLES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., int], text: str, note: str = "") -> ArgumentParser:
        added: ArgumentParser = commands.add_parser(
            name, help=text, description=note or text, allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    add("list", list_command, "print the shipped dialects")
    showing = add("show", show_command, "print a dialect as TOML, to copy")
    showing.add_argument(
        "name", choices=dialect_names(), metavar="NAME", help=f"one of {', '.join(dialect_names())}"
    )
    checking = add(
        "check",
        check_command,
        "check a mapping file",
        "Check a mapping file. Exit code 2 where it can't be used; the line on standard error names the key.",
    )
    trying = add(
        "try",
        try_command,
        "try a mapping file with captured messages",
        "Print each reading of captured messages, or the reason why there is none, and a summary. Exit code 1"
        " where anything was rejected, 2 where the mapping or the capture can't be used.",
    )
    for command in (checking, trying):
        command.add_argument("file", type=Path, metavar="FILE", help="the mapping file, in TOML")
    trying.add_argument(
        "--capture", type=Path, metavar="F", help="lines of `mosquitto_sub -F %%j` (default: standard input)"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 rejections, 2 wrong mapping, capture or arguments."""
    parsed = _parser().parse_args(arguments)

    def run(settings: ReadingSettings) -> int:
        try:
            code: int = parsed.run(parsed, settings)
        except MappingError as error:
            return complain(error, code=2)
        return code

    return run_command(ReadingSettings, run, log=False)


if __name__ == "__main__":
    end_with_the_pipe()
    sys.exit(main())
