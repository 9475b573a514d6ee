"""The demo's cars that publish in dialects of other devices: their mapping file, and their latest state."""

import os
from pathlib import Path

from scripts.demo_cars.dialect_cars import DIALECT_CARS, mapping_text
from scripts.launcher import screen
from scripts.launcher.http_client import Client

_CARS = {"q": "DEMO-", "page_size": "200"}
VINS = frozenset(each.demo_car.vin for each in DIALECT_CARS)


def user_mapping() -> Path | None:
    """Return the mapping file of MQTT_SOURCES; None where the demo uses its own."""
    # Absolute: the demo's programs run in another folder.
    return Path(chosen).absolute() if (chosen := os.environ.get("MQTT_SOURCES")) else None


def write_mapping(path: Path) -> Path:
    """Write the mapping file of the demo's cars."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mapping_text(), encoding="utf-8")
    return path


def show_dialect_cars(client: Client, mapping: Path) -> None:
    """Print the state of each car, and a line on the way of its messages."""
    screen.heading("Cars in other dialects", "GET /api/fleet")
    known = {one["vin"]: one for one in client.get("/api/fleet", _CARS)["vehicles"]}
    rows = []
    for each in DIALECT_CARS:
        car = known[each.demo_car.vin]
        rows.append(
            [
                car["vin"],
                screen.car_flow(car),
                screen.quantity(car["soc"], "%"),
                screen.quantity(car["pack_current"], "A", signed=True),
                screen.quantity(car["max_temp"], "°C"),
                screen.quantity(car["odo_km"], "km"),
            ]
        )
    screen.table(["car", "energy flow", "charge", "current", "hottest cell", "odometer"], rows)
    for each in DIALECT_CARS:
        print(f"  {each.demo_car.vin} publishes as {each.sender}: {each.sample}.")
    place = screen.short(mapping)
    print(f"  A few lines of {place} make readings of either. Devices of yours: docs/devices.md.")
