"""The table `alert_vehicles` and the open episodes: what a worker that takes a vehicle over starts from."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from alert_worker.vehicle_state import VehicleState
from shared.episodes.store import episode_of
from shared.storage.episode_tables import alert_vehicles, episodes
from shared.vehicle_profile import Profile

_FACTS = ("judged_version", "judged_until", "judged_at", "whole_at")
_LISTED = ", ".join(f'"{name}"' for name in Profile.model_fields)
_PROFILES = f"SELECT vin, {_LISTED} FROM vehicle_profiles"  # noqa: S608 - our own columns
_OLDEST = """
    SELECT wanted.vin, (SELECT min(ts) FROM telemetry WHERE telemetry.vin = wanted.vin)
    FROM unnest(%(vins)s::text[]) AS wanted (vin)
"""


def load_states(connection: Connection, vins: Collection[str]) -> dict[str, VehicleState]:
    """Return the state of each of these vehicles, an empty one for a vehicle that was never judged."""
    states = {vin: VehicleState(vin) for vin in vins}
    column = alert_vehicles.c
    rows = connection.execute(select(alert_vehicles).where(column.vin.in_(vins))).mappings()
    for row in rows:
        state = states[row["vin"]]
        state.version, state.until = row["judged_version"], row["judged_until"]
        state.saved_at, state.whole_at = row["judged_at"], row["whole_at"]
    is_open = episodes.c.vin.in_(vins) & episodes.c.closed_at.is_(None)
    for episode in connection.execute(select(episodes).where(is_open)).mappings():
        state = states[episode["vin"]]
        state.open = (*state.open, episode_of(episode))
    return states


def oldest_readings(connection: psycopg.Connection[Any], vins: Collection[str]) -> dict[str, datetime]:
    """Return the time of each vehicle's oldest reading."""
    rows = connection.execute(_OLDEST, {"vins": list(vins)}, binary=True).fetchall()
    return {vin: oldest for vin, oldest in rows if oldest is not None}


def load_profiles(connection: psycopg.Connection[Any]) -> dict[str, Profile]:
    """Return the profiles that people entered."""
    names = tuple(Profile.model_fields)
    return {
        vin: Profile.model_validate(dict(zip(names, values, strict=True)))
        for vin, *values in connection.execute(_PROFILES, binary=True)
    }


def save_states(connection: Connection, states: Iterable[VehicleState], now: datetime) -> None:
    """Write how far these vehicles are judged."""
    rows = [
        {
            "vin": state.vin,
            "judged_version": state.version,
            "judged_until": state.until,
            "judged_at": now,
            "whole_at": state.whole_at,
        }
        for state in sorted(states, key=lambda each: each.vin)
    ]
    if not rows:
        return
    statement = insert(alert_vehicles)
    values = {name: statement.excluded[name] for name in _FACTS}
    connection.execute(statement.on_conflict_do_update(index_elements=["vin"], set_=values), rows)
