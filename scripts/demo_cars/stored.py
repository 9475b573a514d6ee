"""The state of the demo's cars as an API has it."""

from datetime import datetime
from statistics import median
from typing import Any

from scripts.demo_cars.car_readings import Stored
from scripts.launcher.http_client import CallError, Client

_READINGS = "120"
"""More than any glitch spans: the highest odometer counts, and the median soc of the last few."""
_LAST_FEW = 5
_JUST_NOW_S = 5.0
_NOT_FOUND = 404


def stored(client: Client, vin: str) -> Stored | None:
    """Return a car's state by its stored readings; None where it has none. Raises CallError."""
    try:
        page = client.get(f"/api/vehicles/{vin}/telemetry", {"order": "desc", "limit": _READINGS})
    except CallError as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise
    readings: list[dict[str, Any]] = page["items"]
    if not readings:
        return None
    return Stored(
        at=datetime.fromisoformat(readings[0]["ts"]).timestamp(),
        odo_km=max(_known(readings, "odo_km"), default=0.0),
        soc=median(_known(readings[:_LAST_FEW], "soc") or [50.0]),
        max_temp=next(iter(_known(readings, "max_temp")), 20.0),
    )


def is_published_elsewhere(client: Client, vin: str, now: float) -> bool:
    """Return whether another program publishes for this car: it is online, with a reading just now.

    Raises CallError.
    """
    state = stored(client, vin)
    if state is None or now - state.at > _JUST_NOW_S:
        return False
    return bool(client.get(f"/api/vehicles/{vin}/connectivity")["state"] == "online")


def _known(readings: list[dict[str, Any]], signal: str) -> list[float]:
    return [reading[signal] for reading in readings if reading[signal] is not None]
