"""Rows of episodes, and the outbox: a message is written by the transaction that changes its episode."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from shared.diagnostics.alerts import Severity
from shared.episodes.model import Event, StoredEpisode
from shared.storage import episode_tables
from shared.storage.tables import names

_EPISODES = episode_tables.episodes
_MESSAGES = episode_tables.episode_messages
_KEY = ("vin", "id")


@dataclass(frozen=True, slots=True)
class Change:
    """An episode as it becomes, and the events to report, in their order."""

    episode: StoredEpisode
    events: tuple[Event, ...]


def touching_episodes(
    connection: Connection, vins: Collection[str], since: datetime, *, lock: bool
) -> dict[str, list[StoredEpisode]]:
    """Return, by vehicle, the episodes that are open or ended at `since` or later, in order of their start.

    Withdrawn ones are left out. `lock` keeps others, such as an acknowledgement, from changing them until the
    end of the transaction.
    """
    column = _EPISODES.c
    query = (
        select(_EPISODES)
        .where(
            column.vin.in_(vins),
            ~column.withdrawn,
            or_(column.closed_at.is_(None), column.ended_at.is_(None), column.ended_at >= since),
        )
        .order_by(column.vin, column.id)
    )
    if lock:
        query = query.with_for_update()
    found: dict[str, list[StoredEpisode]] = {vin: [] for vin in vins}
    for row in connection.execute(query).mappings():
        found[row["vin"]].append(episode_of(row))
    for of_vehicle in found.values():
        of_vehicle.sort(key=lambda each: each.started_at)
    return found


def find_episode(connection: Connection, episode_id: UUID, *, lock: bool = False) -> StoredEpisode | None:
    """Return one episode; with `lock` no one else changes it until the end of the transaction."""
    query = select(_EPISODES).where(_EPISODES.c.id == episode_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else episode_of(row)


def episode_of(row: RowMapping) -> StoredEpisode:
    """Make an episode of a row of the table."""
    values: dict[str, Any] = {name: row[name] for name in StoredEpisode.__dataclass_fields__}
    values |= {"severity": Severity(values["severity"]), "notes": tuple(values["notes"])}
    return StoredEpisode(**values)


def store_changes(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Write episodes, and a message for each of their events, in the caller's transaction."""
    if not changes:
        return
    statement = upsert(_EPISODES)
    values = {name: statement.excluded[name] for name in names(_EPISODES) if name not in _KEY}
    rows = [{**asdict(change.episode), "notes": list(change.episode.notes)} for change in changes]
    connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=values), rows)
    add_messages(connection, [(change.episode, event) for change in changes for event in change.events], now)


def add_messages(
    connection: Connection, messages: Sequence[tuple[StoredEpisode, Event]], now: datetime
) -> list[UUID]:
    """Write messages into the outbox, numbered in the order of each episode's messages; return their ids.

    The caller's transaction has locked the episodes, so that no other one numbers them.
    """
    if not messages:
        return []
    keys = {(episode.vin, episode.id) for episode, _ in messages}
    column = _MESSAGES.c
    counted = connection.execute(
        select(column.vin, column.episode_id, func.max(column.number))
        .where(tuple_(column.vin, column.episode_id).in_(keys))
        .group_by(column.vin, column.episode_id)
    )
    last = {(vin, episode_id): number for vin, episode_id, number in counted}
    rows: list[dict[str, Any]] = []
    for episode, event in messages:
        key = (episode.vin, episode.id)
        last[key] = last.get(key, 0) + 1
        rows.append(
            {
                "vin": episode.vin,
                "id": uuid4(),
                "episode_id": episode.id,
                "number": last[key],
                "event": event.value,
                "at": now,
                "body": episode.snapshot(),
            }
        )
    connection.execute(insert(_MESSAGES), rows)
    return [row["id"] for row in rows]


def closed(episode: StoredEpisode, ended_at: datetime, now: datetime) -> StoredEpisode:
    """Return an episode as it is when it ends."""
    return replace(episode, ended_at=max(ended_at, episode.started_at), closed_at=now, changed_at=now)


def events_of(changes: Iterable[Change]) -> list[Event]:
    """Return the events of all changes."""
    return [event for change in changes for event in change.events]
