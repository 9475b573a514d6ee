"""The command `python -m api.keys create|list|revoke|rotate|audit`."""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from shared.access.audit_table import AuditEntry, AuditFilter, Outcome, add_entries, list_entries
from shared.access.key_table import KeyChoiceError, create_key, list_keys, revoke_key, rotate_key
from shared.access.role import Role
from shared.access.scope import EVERY_VEHICLE, group_name, vin_pattern
from shared.command import run_on_database
from shared.command_arguments import argument, command_parser, complain, end_with_the_pipe, whole_number
from shared.settings import DatabaseSettings
from shared.wire.reading import normalise_vin
from shared.wire.timestamps import format_timestamp, parse_timestamp

_PROG = "python -m api.keys"
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_PAGE = 500
_EXAMPLES = [
    "create --name workshop --role reader --vins 'TRK-*' --vins VIN-00001 --expires 2027-06-30",
    "create --name prometheus --role reader --vins '*'",
    "rotate workshop --overlap 7d",
    "revoke workshop",
    "audit --name workshop --since 2026-11-30T00:00:00Z",
]


def create_command(arguments: Namespace, engine: Engine) -> int:
    """Make a key and print it, the only time that it can be read."""
    with engine.begin() as connection:
        key_id, key = create_key(
            connection,
            arguments.name,
            arguments.role,
            vins=arguments.vins,
            groups=arguments.groups,
            expires_at=arguments.expires,
        )
        _note(connection, "create", arguments.name)
    complain(f"Key {key_id}, {arguments.name}: {_description(vars(arguments))}. It is shown only now:")
    print(key)
    return 0


def list_command(_arguments: Namespace, engine: Engine) -> int:
    """Print a line for each key, those that ended too."""
    with engine.connect() as connection:
        for row in list_keys(connection):
            times = [
                f"{label} {format_timestamp(row[name])}"
                for label, name in (
                    ("created", "created_at"),
                    ("expires", "expires_at"),
                    ("last used", "last_used_at"),
                    ("revoked", "revoked_at"),
                )
                if row[name] is not None
            ]
            rotated = [f"replaces {row['rotated_from']}"] if row["rotated_from"] is not None else []
            print("  ".join([str(row["id"]), row["name"], _description(dict(row)), *times, *rotated]))
    return 0


def revoke_command(arguments: Namespace, engine: Engine) -> int:
    """Revoke a key: each process of the API refuses it within 10 seconds."""
    with engine.begin() as connection:
        row = revoke_key(connection, arguments.key)
        _note(connection, "revoke", row["name"])
    print(f"Key {row['id']}, {row['name']}: revoked; each process refuses it within 10 seconds.")
    return 0


def rotate_command(arguments: Namespace, engine: Engine) -> int:
    """Make a key in place of another one and print it."""
    with engine.begin() as connection:
        row, key_id, key = rotate_key(
            connection, arguments.key, overlap=arguments.overlap, expires_at=arguments.expires
        )
        _note(connection, "rotate", row["name"])
    end = format_timestamp(datetime.now(UTC) + arguments.overlap)
    complain(f"Key {key_id}, {row['name']}, replaces key {row['id']}, which ends by {end}. Shown only now:")
    print(key)
    return 0


def audit_command(arguments: Namespace, engine: Engine) -> int:
    """Print a line for each entry of the audit that matches, the newest first."""
    filters = AuditFilter(arguments.name, arguments.vin, arguments.outcome, arguments.since)
    after, left = None, arguments.limit or sys.maxsize
    while left > 0:
        with engine.connect() as connection:
            page = list_entries(connection, filters, after=after, limit=min(left, _PAGE))
        for row in page:
            parts = [row[name] or "-" for name in ("key_name", "address", "call", "vin", "outcome")]
            times = f"  {row['times']} times" if row["times"] > 1 else ""
            print("  ".join([format_timestamp(row["at"]), *parts]) + times)
        if len(page) < min(left, _PAGE):
            break
        after, left = (page[-1]["at"], page[-1]["id"]), left - len(page)
    return 0


def _note(connection: Connection, call: str, name: str) -> None:
    entry = AuditEntry(datetime.now(UTC), name, None, f"api.keys {call}", None, Outcome.DONE)
    add_entries(connection, [entry])


def _description(key: dict[str, object]) -> str:
    role, vins, groups = key["role"], key["vins"], key["groups"]
    assert isinstance(vins, list)  # noqa: S101 - for mypy
    assert isinstance(groups, list)  # noqa: S101
    reached = [EVERY_VEHICLE] if role == Role.ADMIN else [*vins, *(f"group {group}" for group in groups)]
    return f"{role} of {', '.join(reached)}"


def _name(text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.isprintable() or text != text.strip():
        raise ValueError("is not a name: 1 to 64 printable characters, without blanks around")
    # A name of digits could be taken for an id, and these are the names of the setting's keys.
    if text.isdecimal() or text.startswith("API_KEYS"):
        raise ValueError("is not a name: it could be taken for an id, or for a key of API_KEYS")
    return text


def _future(text: str) -> datetime:
    day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
    moment = parse_timestamp(f"{text}T00:00:00Z" if day else text)
    if moment <= datetime.now(UTC):
        raise ValueError("does not lie in the future")
    return moment


def _overlap(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if text != "0" and not found:
        raise ValueError("is no length such as 12h, 7d, 2w, or 0")
    return timedelta(days=int(found[1]) * _DAYS[found[2]]) if found else timedelta()


def _parser() -> ArgumentParser:
    parser = command_parser(
        _PROG,
        "Make, list, revoke and replace keys of the API, and show the audit. Each process of the API\n"
        "knows of a change within 10 seconds. The first key closes an API that needed none.",
        notes=f"`{_PROG} COMMAND --help` shows the options of a command.",
        examples=_EXAMPLES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., int], text: str) -> ArgumentParser:
        added: ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    _add_vehicles(creating := add("create", create_command, "make a key and print it"))
    creating.set_defaults(refuse=creating.error)
    add("list", list_command, "print a line for each key")
    revoking = add("revoke", revoke_command, "end a key at once")
    rotating = add("rotate", rotate_command, "make a key in place of another one")
    for each in (revoking, rotating):
        each.add_argument("key", metavar="KEY", help="its id or its name, as `list` shows them")
    rotating.add_argument(
        "--overlap",
        type=argument(_overlap),
        default=timedelta(days=7),
        metavar="LENGTH",
        help="how long the old key stays valid, such as 12h, 7d (default), 0",
    )
    for each in (creating, rotating):
        each.add_argument(
            "--expires",
            type=argument(_future),
            metavar="TIME",
            help="a date, or a time such as 2027-06-30T12:00:00Z",
        )
    _add_filters(add("audit", audit_command, "print changes and refused calls, the newest first"))
    return parser


def _add_vehicles(creating: ArgumentParser) -> None:
    roles = f"is not a role; there are {', '.join(Role)}"
    creating.add_argument("--name", type=argument(_name), required=True, help="as the audit shows it")
    creating.add_argument(
        "--role", type=argument(Role, roles), required=True, metavar="ROLE", help=f"one of {', '.join(Role)}"
    )
    creating.add_argument(
        "--vins",
        type=argument(vin_pattern),
        action="append",
        default=[],
        metavar="PATTERN",
        help="a VIN, a prefix such as 'TRK-*', or '*'; may be given several times",
    )
    creating.add_argument(
        "--group",
        type=argument(group_name),
        action="append",
        default=[],
        dest="groups",
        metavar="GROUP",
        help="the vehicles whose profile names this group; may be given several times",
    )


def _add_filters(auditing: ArgumentParser) -> None:
    listed = ", ".join(Outcome)
    auditing.add_argument("--name", metavar="NAME", help="of a key")
    auditing.add_argument("--vin", type=argument(normalise_vin), metavar="VIN", help="of a vehicle")
    auditing.add_argument(
        "--outcome",
        type=argument(Outcome, f"is not an outcome; there are {listed}"),
        metavar="OUTCOME",
        help=f"one of {listed}",
    )
    auditing.add_argument("--since", type=argument(parse_timestamp), metavar="TIME", help="then or later")
    auditing.add_argument(
        "--limit",
        type=whole_number(0, 1_000_000_000),
        default=100,
        metavar="N",
        help="at most so many (default 100); 0: all",
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong settings or arguments."""
    parsed = _parser().parse_args(arguments)
    if parsed.run is create_command:
        is_confined = bool(parsed.vins or parsed.groups)
        if parsed.role is Role.ADMIN and is_confined:
            parsed.refuse("an admin's key reaches every vehicle: leave --vins and --group out")
        if parsed.role is not Role.ADMIN and not is_confined:
            parsed.refuse("name its vehicles by --vins or --group; --vins '*' is every vehicle")

    def run(_settings: DatabaseSettings, engine: Engine) -> int:
        try:
            code: int = parsed.run(parsed, engine)
        except KeyChoiceError as reason:
            return complain(reason)
        return code

    return run_on_database(DatabaseSettings, run, name="battery-keys", log=False)


if __name__ == "__main__":
    end_with_the_pipe()
    sys.exit(main())
