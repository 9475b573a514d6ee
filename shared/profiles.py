"""The command `python -m shared.profiles import|export`: profiles of many vehicles as CSV."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from shared.command import run_on_database
from shared.command_arguments import command_parser, complain, end_with_the_pipe
from shared.profile_table import ProfileTableError, changes, profile_lines, read_profiles
from shared.settings import DatabaseSettings
from shared.storage.store_profiles import store_profiles, stored_profiles
from shared.vehicle_profile import Profile
from shared.wording import counted

_PROG = "python -m shared.profiles"


def import_command(arguments: Namespace, _settings: DatabaseSettings, engine: Engine) -> int:
    """Store the profiles of a CSV: all of them or, where a line is wrong, none."""
    try:
        content = arguments.file.read_bytes()
    except OSError as error:
        return complain(f"{arguments.file}: can't be read: {error.strerror}", code=2)
    with engine.begin() as connection:
        stored = stored_profiles(connection)
        try:
            profiles = read_profiles(content, stored)
        except ProfileTableError as wrong:
            for mistake in str(wrong).splitlines():
                complain(f"{arguments.file}: {mistake}")
            return complain("Nothing was stored.", code=2)
        changed = _print_changes(stored, profiles)
        if not arguments.dry_run:
            store_profiles(connection, changed)
    total = counted(len(profiles), "profile")
    verb = "would be changed" if arguments.dry_run else "changed"
    print(f"{total} read, {len(changed)} {verb}.")
    if arguments.dry_run and changed:
        print("Without --dry-run they are stored.")
    return 0


def export_command(_arguments: Namespace, _settings: DatabaseSettings, engine: Engine) -> int:
    """Print all profiles as CSV, to edit and import again."""
    end_with_the_pipe()
    with engine.begin() as connection:
        stored = stored_profiles(connection)
    for line in profile_lines(stored):
        print(line)
    return 0


def _print_changes(stored: Mapping[str, Profile], profiles: Mapping[str, Profile]) -> dict[str, Profile]:
    """Print a line for each profile that changes; return those."""
    changed = {}
    for vin, profile in profiles.items():
        differing = changes(stored.get(vin), profile)
        if differing or vin not in stored:
            changed[vin] = profile
            words = [f"{name} {_shown(old)} -> {_shown(new)}" for name, (old, new) in differing.items()]
            print(f"{vin}: {', '.join(words) or 'new, without a value'}")
    return changed


def _shown(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _parser() -> ArgumentParser:
    parser = command_parser(
        _PROG,
        "Store the profiles of many vehicles from a CSV, or print those that are stored as one.",
        notes="The first line names the columns: vin, and any fields of a profile. A field without a column\n"
        "stays as it is; an empty cell is an unknown value. Columns are separated by commas or semicolons.\n"
        f"`{_PROG} COMMAND --help` shows the options of a command.",
        examples=["import vehicles.csv --dry-run", "import vehicles.csv", "export"],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., int], text: str) -> ArgumentParser:
        added: ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    importing = add("import", import_command, "store the profiles of a CSV; with a mistake in it, none")
    importing.add_argument("file", metavar="FILE", type=Path, help="the CSV, in UTF-8")
    importing.add_argument("--dry-run", action="store_true", help="print the changes and store none")
    add("export", export_command, "print all profiles as CSV")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong file, settings or arguments."""
    parsed = _parser().parse_args(arguments)
    return run_on_database(DatabaseSettings, partial(parsed.run, parsed), name="battery-profiles", log=False)


if __name__ == "__main__":
    sys.exit(main())
