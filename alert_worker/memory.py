"""The table `alert_vehicles` and the open episodes: what a worker that takes a vehicle over starts from."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from alert_worker.late_data import Watched
from alert_worker.vehicle_state import VehicleState
from shared.episodes.store import episode_of
from shared.storage.episode_tables import alert_vehicles, episodes
from shared.vehicle_profile import Profile

_WATCHED = ("watched_from", "watched_to", "watched_number")
_FACTS = ("judged_version", "judged_until", "judged_at", "whole_at", *_WATCHED)
FRESH = timedelta(minutes=9)
"""Age up to which a state can be gone on from: hours that changed since still have their marks."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_LISTED = ", ".join(f'"{name}"' for name in Profile.model_fields)
_PROFILES = f"SELECT vin, {_LISTED} FROM vehicle_profiles"  # noqa: S608 - our own columns
_OLDEST = """
    SELECT wanted.vin, (SELECT min(ts) FROM telemetry WHERE telemetry.vin = wanted.vin)
    FROM unnest(%(vins)s::text[]) AS wanted (vin)
"""


def load_states(connection: Connection, vins: Collection[str], now: datetime) -> dict[str, VehicleState]:
    """Return the state of each of these vehicles: how far it is judged, only where that is not too old."""
    states = {vin: VehicleState(vin) for vin in vins}
    column = alert_vehicles.c
    rows = connection.execute(select(alert_vehicles).where(column.vin.in_(vins))).mappings()
    for row in rows:
        state = states[row["vin"]]
        state.whole_at = row["whole_at"]
        watched = [row[name] for name in _WATCHED]
        if row["judged_at"] is not None and now - row["judged_at"] < FRESH and None not in watched:
            state.version, state.until, state.saved_at = (
                row[name] for name in ("judged_version", "judged_until", "judged_at")
            )
            state.watched = Watched(row["watched_from"], row["watched_to"], row["watched_number"], _NEVER)
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


def _range(watched: Watched | None) -> tuple[Any, ...]:
    return (None, None, None) if watched is None else (watched.begin, watched.boundary, watched.number)


def save_states(connection: Connection, states: Iterable[VehicleState], now: datetime) -> None:
    """Write how far these vehicles are judged."""
    rows = [
        {
            "vin": state.vin,
            "judged_version": state.version,
            "judged_until": state.until,
            "judged_at": now,
            "whole_at": state.whole_at,
            **dict(zip(_WATCHED, _range(state.watched), strict=True)),
        }
        for state in sorted(states, key=lambda each: each.vin)
    ]
    if not rows:
        return
    statement = insert(alert_vehicles)
    values = {name: statement.excluded[name] for name in _FACTS}
    connection.execute(statement.on_conflict_do_update(index_elements=["vin"], set_=values), rows)
