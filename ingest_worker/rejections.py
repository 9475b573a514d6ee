"""The command `python -m ingest_worker.rejections list|show|replay|purge`."""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import Engine, RowMapping

from shared.command import run_on_database
from shared.command_arguments import argument, command_parser, complain, end_with_the_pipe, whole_number
from shared.rejections.model import Filter, delete_rejection, every_rejection, find_rejection, readable
from shared.rejections.replay import ReplayRefusedError, replay
from shared.rejections.retention import purge_all
from shared.settings import RejectionsSettings
from shared.sources.mapping_file import sources_of
from shared.wire.reading import normalise_vin
from shared.wire.refusal import Reason
from shared.wire.timestamps import format_timestamp, parse_timestamp


def list_command(arguments: Namespace, _settings: RejectionsSettings, engine: Engine) -> int:
    """Print a line for each rejection that matches."""
    found = every_rejection(engine, _filter(arguments), descending=arguments.order == "desc")
    for row in islice(found, arguments.limit if arguments.limit > 0 else None):
        shown = _shown(row)
        place = f"[{shown['index']}]" if "index" in shown else ""
        print("{id}  {received_at}  {reason}{place}  {topic}  {detail}".format(place=place, **shown))
    return 0


def show_command(arguments: Namespace, _settings: RejectionsSettings, engine: Engine) -> int:
    """Print all fields of one rejection."""
    with engine.connect() as connection:
        row = find_rejection(connection, arguments.id)
    if row is None:
        return complain(f"{arguments.id} {_NO_SUCH}")
    for name, value in _shown(row).items():
        print(f"{name}: {value}")
    return 0


def replay_command(arguments: Namespace, settings: RejectionsSettings, engine: Engine) -> int:
    """Replay rejections, oldest first, each in a transaction of its own; 1 where one was refused again."""
    now = datetime.now(UTC)
    latest = now + timedelta(seconds=settings.max_future_skew_s)
    sources = sources_of(settings.mqtt_sources)
    # Only up to now: otherwise a source of bad readings would keep this command running for ever.
    matching = every_rejection(engine, replace(_filter(arguments), until=now), descending=False)
    replayed, failures = 0, _Failures()
    try:
        for rejection_id in arguments.ids or (row["id"] for row in matching):
            try:
                done = replay(engine, rejection_id, latest=latest, sources=sources)
            except ReplayRefusedError as refused:
                failures.add(rejection_id, refused)
                continue
            if done is None:
                failures.add(rejection_id, _NO_SUCH)
                continue
            print(f"{rejection_id} {done.stored} stored, {done.duplicate} duplicate")
            replayed += 1
    finally:
        # Also after Ctrl-C, or where the database went away in the middle.
        failed = failures.print_all()
        print(f"{replayed} replayed, {failed} not.")
    return 1 if failed else 0


def purge_command(arguments: Namespace, settings: RejectionsSettings, engine: Engine) -> int:
    """Delete the rejections that are named; without a name, those past their retention."""
    if not arguments.ids:
        print(f"{purge_all(engine, settings)} deleted.")
        return 0
    failures = _Failures()
    for rejection_id in arguments.ids:
        with engine.begin() as connection:
            found = delete_rejection(connection, rejection_id)
        if not found:
            failures.add(rejection_id, _NO_SUCH)
    failed = failures.print_all()
    print(f"{len(arguments.ids) - failed} deleted.")
    return 1 if failed else 0


def _filter(arguments: Namespace) -> Filter:
    return Filter(arguments.reason, arguments.vin, arguments.since)


def _shown(row: RowMapping) -> dict[str, str]:
    """Return a rejection's fields that are not null, by name, as text that is safe on a terminal."""
    return {
        name: format_timestamp(value) if isinstance(value, datetime) else _printable(str(value))
        for name, value in readable(row).items()
        if value is not None
    }


def _printable(text: str) -> str:
    """Return the text on one line; control characters are escaped, since the text came from outside."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


_NO_SUCH = "No rejection has this id."
_IDS_SHOWN = 3


class _Failures:
    """Rejections on which a command failed, by the sentence that gives the reason."""

    def __init__(self) -> None:
        self._ids: dict[str, list[UUID]] = {}
        self._more: Counter[str] = Counter()

    def add(self, rejection_id: UUID, sentence: object) -> None:
        """Add a rejection; of many with the same sentence, only the first three ids are kept."""
        ids = self._ids.setdefault(_printable(str(sentence)), [])
        if len(ids) < _IDS_SHOWN:
            ids.append(rejection_id)
        else:
            self._more[_printable(str(sentence))] += 1

    def print_all(self) -> int:
        """Print each sentence once, with its ids or, of many, their number; return the number of failures."""
        total = 0
        for sentence, ids in self._ids.items():
            number = len(ids) + self._more[sentence]
            total += number
            listed = ", ".join(map(str, ids))
            if number == 1:
                complain(f"{listed} {sentence}")
            elif number == len(ids):
                complain(f"{number} rejections: {sentence} ({listed})")
            else:
                complain(f"{number:,} rejections: {sentence} ({listed}, ...)")
        return total


def _filters() -> ArgumentParser:
    parser = ArgumentParser(add_help=False)
    reasons = f"is not a reason; there are {', '.join(Reason)}"
    parser.add_argument(
        "--reason", type=argument(Reason, reasons), metavar="REASON", help=f"one of {', '.join(Reason)}"
    )
    parser.add_argument("--vin", type=argument(normalise_vin), metavar="VIN", help="of this vehicle")
    parser.add_argument(
        "--since",
        type=argument(parse_timestamp),
        metavar="TIME",
        help="received then or later, such as 2026-01-24T12:05:00Z",
    )
    return parser


_PROG = "python -m ingest_worker.rejections"
_EXAMPLES = [
    "list --reason conflict --since 2026-01-24T00:00:00Z",
    "show 6f6c5a9e-1d3b-4d0c-8a57-0b6f6d1f4e2a",
    "replay --vin VIN-DEMO-001",
    "replay --all",
    "purge",
]


def _parser() -> ArgumentParser:
    parser = command_parser(
        _PROG,
        "List, show, replay or delete rejections: messages and readings that could not be stored.",
        notes=f"`{_PROG} COMMAND --help` shows the options of a command.",
        examples=_EXAMPLES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[..., int], text: str, *parents: ArgumentParser, note: str = ""
    ) -> ArgumentParser:
        added: ArgumentParser = commands.add_parser(
            name, help=text, description=note or text, parents=parents, allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    rejection_id = argument(UUID, f"is not the id of a rejection, such as {UUID(int=0)}; `list` shows them")
    listing = add("list", list_command, "print a line for each one", _filters())
    listing.add_argument(
        "--order", choices=["asc", "desc"], default="desc", help="desc (default): newest first"
    )
    listing.add_argument(
        "--limit",
        type=whole_number(0, 1_000_000_000),
        default=100,
        metavar="N",
        help="at most so many (default 100); 0: all",
    )
    showing = add("show", show_command, "print one, with its payload")
    showing.add_argument("id", type=rejection_id, metavar="ID")
    again = add(
        "replay",
        replay_command,
        "try to store the ones named, or all that match",
        _filters(),
        note="Try to store rejections again, oldest first: the ones named by their ids, all that a filter"
        " names, or --all. Exit code 1 where one is refused again; it stays.",
    )
    again.add_argument("ids", type=rejection_id, nargs="*", metavar="ID")
    again.add_argument("--all", action="store_true", help="every one")
    again.set_defaults(refuse=again.error)
    purging = add("purge", purge_command, "delete the ones named, or what is past its retention")
    purging.add_argument("ids", type=rejection_id, nargs="*", metavar="ID")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed or in part, 2 wrong settings or arguments."""
    parsed = _parser().parse_args(arguments)
    if parsed.run is replay_command:
        is_filtered = parsed.all or _filter(parsed) != Filter()
        if bool(parsed.ids) is is_filtered:
            parsed.refuse("name rejections either by their ids, or by a filter or --all")

    def run(settings: RejectionsSettings, engine: Engine) -> int:
        code: int = parsed.run(parsed, settings, engine)
        return code

    return run_on_database(RejectionsSettings, run, name="battery-rejections", log=False)


if __name__ == "__main__":
    end_with_the_pipe()
    sys.exit(main())
