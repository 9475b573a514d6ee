"""The arguments of each peer's program, and the table into which it writes."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.command_arguments import command_parser, whole_number

TABLE = "peer_readings"
SIGNALS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
COLUMNS = ("vin", "ts", *SIGNALS)
TOPIC = "vehicles/+/telemetry"
CLIENT_ID = "bench-peer"
# A frozen consumer sends no keep-alive, and must not lose its connection meanwhile.
KEEP_ALIVE_S = 600


class PeerArguments(NamedTuple):
    """Addresses, a folder for the program's own files, and one of the program's forms."""

    host: str
    port: int
    database_url: str
    folder: str
    form: str


def peer_arguments(module: str, *forms: str, arguments: Sequence[str] | None = None) -> PeerArguments:
    """Parse the arguments of a program; wrong ones end the process with status 2."""
    parser = command_parser(
        f"python -m scripts.bench.peer_programs.{module}",
        "A consumer that the worker is compared with. The benchmarks start it.",
        examples=[f"127.0.0.1 1883 postgresql://postgres@127.0.0.1:5432/battery /tmp/state {forms[0]}"],
    )
    parser.add_argument("host", metavar="HOST", help="of the broker")
    parser.add_argument("port", type=whole_number(1, 65_535), metavar="PORT", help="of the broker")
    parser.add_argument("database_url", metavar="DATABASE_URL", help="postgresql://...")
    parser.add_argument("folder", metavar="FOLDER", help="for files of its own")
    parser.add_argument("form", choices=forms, metavar="FORM", help=" or ".join(forms))
    return PeerArguments(**vars(parser.parse_args(arguments)))
