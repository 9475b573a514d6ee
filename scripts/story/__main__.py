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
from collections.abc import Sequence
from contextlib import ExitStack

from scripts.launcher.client import CallError, Client
from scripts.simulator.publisher import BrokerUnreachableError
from scripts.simulator.stop import Stop
from scripts.story.cast import CAST
from scripts.story.life import Life
from scripts.story.stored import speaks, stored
from scripts.story.voice import SilentBrokerError, Voice
from shared.settings import BrokerSettings, InvalidSettingsError, load

_PERIOD_S = 1.0
_SLICE_S = 0.1


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0 when stopped, 1 where the API or the broker fails, 2 for wrong arguments."""
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    if len(arguments) != 1:
        print("usage: python -m scripts.story URL", file=sys.stderr)
        return 2
    keys = [key.strip() for key in os.environ.get("API_KEYS", "").split(",") if key.strip()]
    client = Client(arguments[0].rstrip("/"), keys[0] if keys else None)
    try:
        with ExitStack() as lines:
            voices = _told(client, load(BrokerSettings), lines, stop)
            _go_on(voices, stop)
    except (CallError, BrokerUnreachableError, InvalidSettingsError) as failed:
        print(failed, file=sys.stderr)
        return 1
    except SilentBrokerError:
        print("The broker has stopped acknowledging.", file=sys.stderr)
        return 1
    return 0


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
    sys.exit(main(sys.argv[1:]))
