"""`python -m scripts.demo_cars URL`: publish the past of the demo's cars, then live readings, until a signal.

URL is that of the API, which knows the cars' stored state; the broker is that of the MQTT_... settings.
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

from scripts.demo_cars.car_publisher import CarPublisher, SilentBrokerError
from scripts.demo_cars.car_readings import CarReadings
from scripts.demo_cars.cars import CARS
from scripts.demo_cars.dialect_car_publisher import DialectCarPublisher
from scripts.demo_cars.dialect_cars import DIALECT_CARS
from scripts.demo_cars.stored import is_published_elsewhere, stored
from scripts.launcher.http_client import CallError, Client
from scripts.simulator.publisher import BrokerUnreachableError
from scripts.simulator.stop import Stop
from shared.command_arguments import argument, command_parser, complain
from shared.settings import BrokerSettings, InvalidSettingsError, load

_PERIOD_S = 1.0
_SLICE_S = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0 when stopped, 1 where the API or the broker fails, 2 for wrong arguments or settings.
    """
    parsed = _parser().parse_args(arguments)
    url: str = parsed.url
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    keys = [key.strip() for key in os.environ.get("API_KEYS", "").split(",") if key.strip()]
    client = Client(url.rstrip("/"), keys[0] if keys else None)
    try:
        with ExitStack() as connections:
            settings = load(BrokerSettings)
            publishers: list[CarPublisher | DialectCarPublisher] = []
            publishers += _publish_pasts(client, settings, connections, stop)
            if publishers and parsed.dialects:
                publishers += _connect_dialect_cars(client, settings, connections)
            _publish_live(publishers, stop)
    except InvalidSettingsError as wrong:
        return complain(wrong, code=2)
    except (CallError, BrokerUnreachableError) as failed:
        return complain(failed)
    except SilentBrokerError:
        return complain("The broker has stopped acknowledging.")
    return 0


def _parser() -> ArgumentParser:
    parser = command_parser(
        "python -m scripts.demo_cars",
        "Publish the past of the demo's cars over MQTT, then go on with them until Ctrl-C or SIGTERM.",
        notes="MQTT_HOST and MQTT_PORT say where the broker is.\n"
        "The API is called with the first of API_KEYS.",
        examples=["http://localhost:8000", "http://localhost:8000 --dialects"],
    )
    parser.add_argument(
        "url",
        type=argument(_http, "is not a URL such as http://localhost:8000"),
        metavar="URL",
        help="of the API, which description what is state of the cars already",
    )
    parser.add_argument(
        "--dialects",
        action="store_true",
        help="publish also the cars that speak as OVMS and Tesla do, which the worker needs a mapping for",
    )
    return parser


def _http(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or (parts.port or 1) < 1:
        raise ValueError
    return text


def _publish_pasts(
    client: Client, settings: BrokerSettings, connections: ExitStack, stop: Stop
) -> list[CarPublisher]:
    """Publish every car's past; returns the publishers of those that go on."""
    began, now = time.monotonic(), time.time()
    if any(is_published_elsewhere(client, demo_car.vin, now) for demo_car in CARS if demo_car.is_live):
        # Two publishers of one car would disagree about its odometer.
        print("published by another demo already", flush=True)
        return []
    publishers = []
    for demo_car in CARS:
        state = stored(client, demo_car.vin)
        if state is None and demo_car.has_profile:
            client.put(f"/api/vehicles/{demo_car.vin}/profile", demo_car.profile(now))
        if state is None or demo_car.is_live:
            publishers.append(CarPublisher(CarReadings(demo_car, round(now), stored=state), settings))
    for publisher in publishers:
        publisher.connect()
        connections.callback(publisher.close)
    for publisher in publishers:
        publisher.publish_past(stop)
        if not publisher.car_readings.demo_car.is_live:
            publisher.close()
    count = sum(publisher.published for publisher in publishers)
    print(f"{count:,} readings of {len(publishers)} cars in {time.monotonic() - began:.1f} s", flush=True)
    return [publisher for publisher in publishers if publisher.car_readings.demo_car.is_live]


def _connect_dialect_cars(
    client: Client, settings: BrokerSettings, connections: ExitStack
) -> list[DialectCarPublisher]:
    """Return the publishers of the cars in other dialects, each where its car would be now."""
    publishers = []
    for each in DIALECT_CARS:
        car_readings = CarReadings(
            each.demo_car, round(time.time()), stored=stored(client, each.demo_car.vin)
        )
        publisher = DialectCarPublisher(each, car_readings, settings)
        publisher.simulate_past()
        publisher.connect()
        connections.callback(publisher.close)
        publishers.append(publisher)
    return publishers


def _publish_live(publishers: Sequence[CarPublisher | DialectCarPublisher], stop: Stop) -> None:
    due = time.monotonic()
    while not stop.requested:
        if (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_S))
            continue
        at = time.time()
        for publisher in publishers:
            publisher.publish_live(at)
        due = max(due + _PERIOD_S, time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
