"""What an API of ours knows of the story's cars."""

from datetime import datetime
from statistics import median
from typing import Any

from scripts.launcher.client import CallError, Client
from scripts.story.life import Stored

_READINGS = "120"
"""Longer than any glitch lasts: of an odometer the highest counts, of soc the middle one of the last few."""
_LAST_FEW = 5
_JUST_NOW_S = 5.0
_NOT_FOUND = 404


def stored(client: Client, vin: str) -> Stored | None:
    """The state a car was last heard of with; None when it has sent nothing yet. Raises CallError."""
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


def speaks(client: Client, vin: str, now: float) -> bool:
    """Whether somebody else speaks for this car: it is online and was heard of just now. Raises CallError."""
    known = stored(client, vin)
    if known is None or now - known.at > _JUST_NOW_S:
        return False
    return bool(client.get(f"/api/vehicles/{vin}/connectivity")["state"] == "online")


def _known(readings: list[dict[str, Any]], signal: str) -> list[float]:
    return [reading[signal] for reading in readings if reading[signal] is not None]
