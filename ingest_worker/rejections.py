"""Rejections on the command line: `python -m ingest_worker.rejections list|show|replay|purge`."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from shared.database import writer_engine
from shared.database_errors import summarise
from shared.rejections import Filter, Reason, delete_rejection, every_rejection, find_rejection, readable
from shared.replay import ReplayRefusedError, replay
from shared.retention import purge_all
from shared.schema import OutdatedSchemaError, require_current_schema
from shared.settings import InvalidSettingsError, RejectionsSettings, load
from shared.telemetry import normalise_vin
from shared.timestamps import format_timestamp, parse_timestamp


def list_command(arguments: Namespace, _settings: RejectionsSettings, engine: Engine) -> int:
    """A line for each rejection that is meant."""
    found = every_rejection(engine, _filter(arguments), descending=arguments.order == "desc")
    for row in islice(found, arguments.limit if arguments.limit > 0 else None):
        shown = _shown(row)
        place = f"[{shown['index']}]" if "index" in shown else ""
        print("{id}  {received_at}  {reason}{place}  {topic}  {detail}".format(place=place, **shown))
    return 0


def show_command(arguments: Namespace, _settings: RejectionsSettings, engine: Engine) -> int:
    """All that is kept of one rejection."""
    with engine.connect() as connection:
        row = find_rejection(connection, arguments.id)
    if row is None:
        return _unknown(arguments.id)
    for name, value in _shown(row).items():
        print(f"{name}: {value}")
    return 0


def replay_command(arguments: Namespace, settings: RejectionsSettings, engine: Engine) -> int:
    """Each one again, oldest first, in a transaction of its own; 1 where one was refused again."""
    now, wanted = datetime.now(UTC), _filter(arguments)
    latest = now + timedelta(seconds=settings.max_future_skew_s)
    if not (arguments.ids or arguments.all or wanted != Filter()):
        return _complain("Name rejections by their ids, by a filter, or say --all.", code=2)
    # Until now: a source of bad readings would keep this going for ever.
    matching = every_rejection(engine, replace(wanted, until=now), descending=False)
    replayed = failed = 0
    for rejection_id in arguments.ids or (row["id"] for row in matching):
        try:
            done = replay(engine, rejection_id, latest=latest)
        except ReplayRefusedError as refused:
            failed += _complain(f"{rejection_id} {refused}")
            continue
        if done is None:
            failed += _unknown(rejection_id)
            continue
        print(f"{rejection_id} {done.stored} stored, {done.duplicate} duplicate")
        replayed += 1
    print(f"{replayed} replayed, {failed} not.")
    return 1 if failed else 0


def purge_command(arguments: Namespace, settings: RejectionsSettings, engine: Engine) -> int:
    """Delete what is named; nothing named: what is past its retention."""
    if not arguments.ids:
        print(f"{purge_all(engine, settings)} deleted.")
        return 0
    failed = 0
    for rejection_id in arguments.ids:
        with engine.begin() as connection:
            found = delete_rejection(connection, rejection_id)
        failed += 0 if found else _unknown(rejection_id)
    print(f"{len(arguments.ids) - failed} deleted.")
    return 1 if failed else 0


def _filter(arguments: Namespace) -> Filter:
    return Filter(arguments.reason, arguments.vin, arguments.since)


def _shown(row: RowMapping) -> dict[str, str]:
    """What is kept, by name, fit for a terminal."""
    return {
        name: format_timestamp(value) if isinstance(value, datetime) else _printable(str(value))
        for name, value in readable(row).items()
        if value is not None
    }


def _printable(text: str) -> str:
    """The text on one line; what would steer a terminal is written out, since it came from outside."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _unknown(rejection_id: UUID) -> int:
    return _complain(f"{rejection_id} No rejection has this id.")


def _complain(sentence: object, *, code: int = 1) -> int:
    print(_printable(str(sentence)), file=sys.stderr)
    return code


def _argument(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as reason:
            # argparse would leave the reason out.
            raise ArgumentTypeError(f"{text!r}: {reason}") from None

    return convert


def _filters() -> ArgumentParser:
    parser = ArgumentParser(add_help=False)
    parser.add_argument("--reason", type=_argument(Reason), metavar="REASON", help=", ".join(Reason))
    parser.add_argument("--vin", type=_argument(normalise_vin))
    parser.add_argument("--since", type=_argument(parse_timestamp), help="received then or later, RFC 3339")
    return parser


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m ingest_worker.rejections", description="What was not stored.")
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list", help="a line for each one", parents=[_filters()])
    listing.add_argument("--order", choices=["asc", "desc"], default="desc", help="desc: newest first")
    listing.add_argument("--limit", type=int, default=100, help="0: all; 100 unless told")
    listing.set_defaults(run=list_command)
    showing = commands.add_parser("show", help="one, with its payload")
    showing.add_argument("id", type=_argument(UUID))
    showing.set_defaults(run=show_command)
    again = commands.add_parser("replay", help="the ones named, or all that match", parents=[_filters()])
    again.add_argument("ids", type=_argument(UUID), nargs="*", metavar="id")
    again.add_argument("--all", action="store_true", help="every one")
    again.set_defaults(run=replay_command)
    purging = commands.add_parser("purge", help="delete the ones named, or what is past its retention")
    purging.add_argument("ids", type=_argument(UUID), nargs="*", metavar="id")
    purging.set_defaults(run=purge_command)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 not or not all of it, 2 wrong settings or arguments."""
    wanted = _parser().parse_args(arguments)
    try:
        settings = load(RejectionsSettings)
    except InvalidSettingsError as error:
        return _complain(error, code=2)
    engine = writer_engine(settings.database_url, name="battery-rejections")
    try:
        with engine.connect() as connection:
            require_current_schema(connection)
        code: int = wanted.run(wanted, settings, engine)
    except OutdatedSchemaError as error:
        return _complain(error)
    except (SQLAlchemyError, psycopg.Error) as error:
        return _complain(f"DATABASE_URL: {summarise(error)}")
    except KeyboardInterrupt:
        return 130
    finally:
        engine.dispose()
    return code


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        # `list | head` ends as quietly as any command.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
