"""`python -m scripts.story URL`: the demo's cars tell their past and go on until Ctrl-C or SIGTERM.

URL is that of the API, which says what is known of them already; the broker is that of the MQTT_... settings.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

from scripts.launcher.client import CallError, Client
from scripts.simulator.publisher import BrokerUnreachableError
from scripts.simulator.stop import Stop
from scripts.story.cast import CAST
from scripts.story.life import Life
from scripts.story.stored import speaks, stored
from scripts.story.voice import SilentBrokerError, Voice
from shared.arguments import argument, command_parser, complain
from shared.settings import BrokerSettings, InvalidSettingsError, load

_PERIOD_S = 1.0
_SLICE_S = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0 when stopped, 1 where the API or the broker fails, 2 for wrong arguments or settings.
    """
    url: str = _parser().parse_args(arguments).url
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    keys = [key.strip() for key in os.environ.get("API_KEYS", "").split(",") if key.strip()]
    client = Client(url.rstrip("/"), keys[0] if keys else None)
    try:
        with ExitStack() as lines:
            voices = _told(client, load(BrokerSettings), lines, stop)
            _go_on(voices, stop)
    except InvalidSettingsError as wrong:
        return complain(wrong, code=2)
    except (CallError, BrokerUnreachableError) as failed:
        return complain(failed)
    except SilentBrokerError:
        return complain("The broker has stopped acknowledging.")
    return 0


def _parser() -> ArgumentParser:
    parser = command_parser(
        "python -m scripts.story",
        "Publish the past of the demo's cars over MQTT, then go on with them until Ctrl-C or SIGTERM.",
        notes="MQTT_HOST and MQTT_PORT say where the broker is.\n"
        "The API is called with the first of API_KEYS.",
        examples=["http://localhost:8000"],
    )
    parser.add_argument(
        "url",
        type=argument(_http, "is not a URL such as http://localhost:8000"),
        metavar="URL",
        help="of the API, which says what is known of the cars already",
    )
    return parser


def _http(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or (parts.port or 1) < 1:
        raise ValueError
    return text


def _told(client: Client, settings: BrokerSettings, lines: ExitStack, stop: Stop) -> list[Voice]:
    """Tell every car's past; returns those that go on."""
    began, now = time.monotonic(), time.time()
    if any(speaks(client, role.vin, now) for role in CAST if role.lives):
        # Two who tell one car's story would disagree about its odometer.
        print("told by another demo already", flush=True)
        return []
    voices = []
    for role in CAST:
        known = stored(client, role.vin)
        if known is None and role.has_profile:
            client.put(f"/api/vehicles/{role.vin}/profile", role.profile(now))
        if known is None or role.lives:
            voices.append(Voice(Life(role, round(now), stored=known), settings))
    for voice in voices:
        voice.connect()
        lines.callback(voice.close)
    for voice in voices:
        voice.tell_past(stop)
        if not voice.life.role.lives:
            voice.close()
    count = sum(voice.published for voice in voices)
    print(f"{count:,} readings of {len(voices)} cars in {time.monotonic() - began:.1f} s", flush=True)
    return [voice for voice in voices if voice.life.role.lives]


def _go_on(voices: Sequence[Voice], stop: Stop) -> None:
    due = time.monotonic()
    while not stop.asked:
        if (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_S))
            continue
        at = time.time()
        for voice in voices:
            voice.go_on(at)
        due = max(due + _PERIOD_S, time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
