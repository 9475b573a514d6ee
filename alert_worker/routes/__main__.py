"""The command `python -m alert_worker.routes check|test|pending`: routes, tried before they are needed."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, text

from alert_worker.routes.plan import PlannedTarget
from alert_worker.routes.routes_file import RoutesError
from alert_worker.routes.target import DeliveryError, Message
from alert_worker.routes.targets import load_plan
from shared.command import run_command, run_on_database
from shared.command_arguments import command_parser, complain
from shared.settings import AlertSettings
from shared.wire.timestamps import format_timestamp

_PROG = "python -m alert_worker.routes"
_PENDING = text("""
    SELECT route, target, state, count(*), min(m.at), (array_agg(last_error ORDER BY d.attempts DESC))[1]
    FROM message_deliveries d JOIN episode_messages m ON m.vin = d.vin AND m.id = d.message_id
    WHERE state IN ('pending', 'held', 'failed') GROUP BY route, target, state ORDER BY route, target, state
""")


def check_command(arguments: Namespace, settings: AlertSettings) -> int:
    """Print what a routes file says; nothing is sent."""
    plan = load_plan(arguments.file, settings)
    for route in {each.route.name: each.route for each in plan}.values():
        labels = ", ".join(each.label for each in plan if each.route is route)
        takes = [f"{route.min_severity} or worse"]
        takes += [f"of {', '.join(route.codes)}"] if route.codes else []
        takes += [f"of VINs that begin with {route.vin_prefix}"] if route.vin_prefix else []
        takes += [f"of the group {route.group}"] if route.group else []
        takes += [f"that lasted {route.after_s} s"] if route.after_s else []
        repeats = f"repeated every {route.repeat_s} s" if route.repeat_s else "not repeated"
        ends = "ends are sent" if route.recovery else "ends are not sent"
        print(f"{route.name}: {' '.join(takes)}; {repeats}; {ends}; at most {route.per_minute} a minute")
        print(f"  to {labels}")
    return 0


def test_command(arguments: Namespace, settings: AlertSettings) -> int:
    """Send one message that is marked as a test to each receiver of a route."""
    if settings.alert_routes is None:
        return complain("ALERT_ROUTES is not set: there is no route to test.", code=2)
    plan = load_plan(settings.alert_routes, settings)
    receivers = [each for each in plan if each.route.name == arguments.name]
    if not receivers:
        known = ", ".join(dict.fromkeys(each.route.name for each in plan))
        return complain(f"No route is named {arguments.name!r}; there are {known}.", code=2)
    sent = [_send(each) for each in receivers]
    return 0 if all(sent) else 1


def _send(receiver: PlannedTarget) -> bool:
    try:
        receiver.target.send(_test_message(datetime.now(UTC)))
    except DeliveryError as failed:
        complain(f"Not sent: {failed}")
        return False
    finally:
        receiver.target.close()
    print(f"Sent to {receiver.label}.")
    return True


def _test_message(now: datetime) -> Message:
    moment = format_timestamp(now)
    episode = {
        "vin": "TEST-VEHICLE",
        "id": str(uuid4()),
        "code": "TEST",
        "severity": "info",
        "started_at": moment,
        "ended_at": moment,
        "detail": "A test of the route; no vehicle is concerned.",
        "opened_at": moment,
        "closed_at": moment,
    }
    vehicle = {"vin": "TEST-VEHICLE", "name": None, "group": None, "plate": None}
    return {"id": str(uuid4()), "event": "test", "episode": episode, "vehicle": vehicle, "at": moment}


def pending_command(_arguments: Namespace, _settings: AlertSettings, engine: Engine) -> int:
    """Print what waits for each receiver, and what was given up."""
    words = {"pending": "to be sent", "held": "held back by the limit", "failed": "given up"}
    with engine.connect() as connection:
        rows = connection.execute(_PENDING).all()
    for route, target, state, count, oldest, error in rows:
        reason = f"; last error: {error}" if error else ""
        print(f"{route} {target}: {count} {words[state]}, the oldest of {format_timestamp(oldest)}{reason}")
    if not rows:
        print("No message waits, and none was given up.")
    return 0


def _parser() -> ArgumentParser:
    parser = command_parser(
        _PROG,
        "Check a routes file, send a test message, or show the messages that wait to be sent.",
        notes=f"`{_PROG} COMMAND --help` shows the options of a command.",
        examples=["check routes.toml", "test oncall", "pending"],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., int], text: str) -> ArgumentParser:
        added: ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    checking = add("check", check_command, "check a routes file and print its routes; nothing is sent")
    checking.add_argument("file", metavar="FILE", type=Path, help="the routes file, in TOML")
    testing = add("test", test_command, "send a message marked as a test to each receiver of a route")
    testing.add_argument("name", metavar="NAME", help="name of a route in the file of ALERT_ROUTES")
    add("pending", pending_command, "list the messages that wait for each receiver, and those given up")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 not sent, 2 wrong file, settings or arguments."""
    parsed = _parser().parse_args(arguments)
    if parsed.run is pending_command:
        return run_on_database(
            AlertSettings, partial(parsed.run, parsed), name="battery-alert-routes", log=False
        )

    def run(settings: AlertSettings) -> int:
        try:
            code: int = parsed.run(parsed, settings)
        except RoutesError as wrong:
            return complain(wrong, code=2)
        return code

    return run_command(AlertSettings, run, log=False)


if __name__ == "__main__":
    sys.exit(main())
