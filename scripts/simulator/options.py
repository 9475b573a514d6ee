"""The command line of the simulator: its options, and their combinations."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path

from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.faults import FAULTS, FaultPlacement
from scripts.simulator.fleet import vin_of
from shared.command_arguments import command_parser
from shared.wire.reading import MAX_READINGS, normalise_vin
from shared.wire.timestamps import InvalidTimestampError, parse_timestamp

_FLEET_DEFAULTS = {"vehicles": 20, "rate": 1.0, "duration": 60.0, "start": None, "vin_prefix": "SIM-"}
"""Options of the simulated fleet, which make no sense in a replay."""
_SHORTEST_STEP_S = 0.001
_ABOUT_FAULTS = """\
faults (--fault CODE@VIN): they begin after 20 to 30 % of the run; one that ends lasts 40 % of it,
at most 600 s"""
_ABOUT_DIALECTS = """\
dialects (--dialect NAME): topics, payloads, units, signs, QoS and RETAIN as that device or gateway has them,
and only the signals that it sends"""


@dataclass(frozen=True)
class Options:
    """The parsed options of one run."""

    vehicles: int
    rate: float
    duration: float
    start: datetime | None
    vin_prefix: str
    seed: int
    speedup: float
    array: int
    replay: Path | None
    shuffle: bool
    confirm: bool
    faults: tuple[FaultPlacement, ...]
    """Faults, each with its vehicle."""
    dialect: str | None = None
    mapping: Path | None = None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; a wrong option ends the process with status 2 and a sentence."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for name, default in _FLEET_DEFAULTS.items():
        if getattr(given, name) is None:
            setattr(given, name, default)
        elif given.replay:
            parser.error(f"--{name.replace('_', '-')} does not go with --replay: the file says it")
    if given.shuffle and not given.replay:
        parser.error("--shuffle goes with --replay only")
    _check_fleet(parser, given)
    _check_faults(parser, given)
    _check_dialect(parser, given)
    return Options(**vars(given))


def _check_fleet(parser: ArgumentParser, given: Namespace) -> None:
    if (given.speedup or 1.0) / given.rate < _SHORTEST_STEP_S:
        parser.error("--speedup divided by --rate must be at least 0.001 s: readings need times of their own")
    longest = vin_of(given.vin_prefix, given.vehicles - 1)
    try:
        normalise_vin(longest)
    except ValueError as reason:
        parser.error(f"--vin-prefix: {longest!r} {reason}")


def _check_faults(parser: ArgumentParser, given: Namespace) -> None:
    if given.faults and given.replay:
        parser.error("--fault does not go with --replay: recorded readings are published as they are")
    vins = (
        {vin_of(given.vin_prefix, number).upper() for number in range(given.vehicles)} if given.faults else ()
    )
    for placed in given.faults:
        if placed.vin not in vins:
            first, last = vin_of(given.vin_prefix, 0), vin_of(given.vin_prefix, given.vehicles - 1)
            parser.error(f"--fault: {placed.vin} is not in this run ({first} to {last})")
    given.faults = tuple(given.faults)


def _check_dialect(parser: ArgumentParser, given: Namespace) -> None:
    if given.dialect is None:
        if given.mapping:
            parser.error("--mapping goes with --dialect only: our own topics need no mapping file")
        return
    if given.confirm:
        parser.error("--confirm does not go with --dialect: only our own topics have receipts")
    if given.array > 1:
        parser.error("--array does not go with --dialect: each reading is sent in the dialect's own messages")
    time_step = DIALECTS[given.dialect].time_step
    if (
        time_step is not None
        and not given.replay
        and (given.speedup or 1.0) / given.rate < time_step.total_seconds()
    ):
        parser.error(
            f"--dialect {given.dialect}: its times are multiples of {time_step.total_seconds():g} s, so that"
            " --speedup divided by --rate must be at least as much"
        )


def _parser() -> ArgumentParser:
    parser = command_parser(
        "python -m scripts.simulate",
        "Publish readings of a simulated fleet, or recorded ones, over MQTT (QoS 1), on our own topics or\n"
        "in the dialect of an existing device. MQTT_HOST and MQTT_PORT say where the broker is.",
        notes="\n".join(
            (
                _ABOUT_FAULTS,
                *(f"  {each.code:<19} {each.meaning}" for each in FAULTS.values()),
                "",
                _ABOUT_DIALECTS,
                *(f"  {each.name:<22} {each.source}" for each in DIALECTS.values()),
            )
        ),
        examples=[
            "--vehicles 20 --rate 1 --duration 60 --seed 7",
            "--vehicles 5 --duration 60 --speedup 60",
            "--fault TEMP_HIGH@SIM-000001 --confirm",
            "--replay drive.csv --speedup 0",
            "--dialect ovms --mapping sources.toml",
        ],
    )
    add = parser.add_argument
    add("--vehicles", type=_whole(1, 100_000), metavar="N", help="how many vehicles (default 20)")
    add("--rate", type=_number(1e-4, 1000), metavar="R", help="readings per vehicle per second (default 1)")
    add(
        "--duration",
        type=_number(1e-3, 1e9),
        metavar="S",
        help="seconds of real time to publish for (default 60); simulated seconds with --speedup 0",
    )
    add(
        "--start",
        type=_moment,
        metavar="TIME",
        help="RFC 3339 time of the first reading (default: about now)",
    )
    add("--vin-prefix", metavar="TEXT", help="what the VINs begin with (default SIM-)")
    add("--seed", type=int, default=7, help="the same seed and --start give the same readings (default 7)")
    add(
        "--speedup",
        type=_number(0, 1e6),
        default=1.0,
        metavar="X",
        help="how much faster than real time the readings' times run; 0 = as fast as it goes (default 1)",
    )
    add(
        "--array",
        type=_whole(1, MAX_READINGS),
        default=1,
        metavar="N",
        help="readings per message: over 1, arrays of one vehicle's readings, as in a backfill (default 1)",
    )
    add("--replay", type=Path, metavar="FILE.csv", help="publish the recorded readings of this file instead")
    add("--shuffle", action="store_true", help="with --replay: in an order shuffled by --seed")
    add(
        "--confirm",
        action="store_true",
        help="ask for a receipt for every reading, and publish again what has got none",
    )
    add(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        type=_fault,
        metavar="CODE@VIN",
        help="what goes wrong with a vehicle, such as TEMP_HIGH@SIM-000001; may be given again (list below)",
    )
    add(
        "--dialect",
        choices=DIALECTS,
        metavar="NAME",
        help="publish as an existing device or gateway does (list below), instead of on our own topics",
    )
    add(
        "--mapping",
        type=Path,
        metavar="FILE",
        help="with --dialect: write the worker's mapping file for these vehicles there; printed without it",
    )
    return parser


def _fault(text: str) -> FaultPlacement:
    code, at, vin = text.partition("@")
    if not at:
        raise ArgumentTypeError(f"{text!r} is not CODE@VIN")
    if code not in FAULTS:
        raise ArgumentTypeError(f"{code!r} is not a fault; known are {', '.join(FAULTS)}")
    try:
        return FaultPlacement(code, normalise_vin(vin))
    except ValueError as reason:
        raise ArgumentTypeError(f"the VIN {vin!r} {reason}") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse_whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= number <= most:
            raise ArgumentTypeError(f"{text} is not between {least:,} and {most:,}")
        return number

    return parse_whole


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse_number(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a number") from None
        if not isfinite(number) or not least <= number <= most:
            raise ArgumentTypeError(f"{text} is not between {least:,g} and {most:,g}")
        return number

    return parse_number


def _moment(text: str) -> datetime:
    try:
        moment = parse_timestamp(text)
    except InvalidTimestampError as reason:
        raise ArgumentTypeError(f"{text!r} {reason}") from None
    if not 2000 <= moment.year < 9000:
        raise ArgumentTypeError(f"{text} is not after 2000")
    return moment
