"""Actions of people on an episode: acknowledge, note, mute. Each runs in the caller's transaction."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from shared.episodes.model import LATCHED, Event, StoredEpisode
from shared.episodes.store import Change, closed, find_episode, store_changes
from shared.wire.timestamps import format_timestamp


def acknowledge(
    connection: Connection, episode_id: UUID, *, by: str, note: str | None, now: datetime
) -> StoredEpisode | None:
    """Acknowledge an episode; the first name stays. Return the episode; None for an unknown one.

    It stops being repeated. A thermal event also ends by this.
    """
    episode = find_episode(connection, episode_id, lock=True)
    if episode is None:
        return None
    if note is not None:
        episode = _noted(episode, by, note, now)
    events: tuple[Event, ...] = ()
    if episode.acknowledged_at is None:
        episode = replace(episode, acknowledged_at=now, acknowledged_by=by)
        # The end of a closed episode was reported already.
        events = (Event.ACKNOWLEDGED,) if episode.closed_at is None else ()
    if episode.code in LATCHED and episode.closed_at is None:
        episode = closed(episode, now, now)
        events += (Event.CLOSED,)
    store_changes(connection, [Change(episode, events)], now)
    return episode


def add_note(
    connection: Connection, episode_id: UUID, *, by: str, text: str, now: datetime
) -> StoredEpisode | None:
    """Add a note to an episode. Return the episode; None for an unknown one."""
    episode = find_episode(connection, episode_id, lock=True)
    if episode is None:
        return None
    episode = _noted(episode, by, text, now)
    store_changes(connection, [Change(episode, ())], now)
    return episode


def mute(
    connection: Connection, episode_id: UUID, *, by: str, until: datetime | None, now: datetime
) -> StoredEpisode | None:
    """Mute the messages of an episode until a moment, or no longer (None), with a note of the fact.

    Return the episode; None for an unknown one.
    """
    episode = find_episode(connection, episode_id, lock=True)
    if episode is None:
        return None
    text = "Unmuted." if until is None else f"Muted until {format_timestamp(until)}."
    episode = replace(_noted(episode, by, text, now), muted_until=until)
    store_changes(connection, [Change(episode, ())], now)
    return episode


def _noted(episode: StoredEpisode, by: str, text: str, now: datetime) -> StoredEpisode:
    note = {"at": format_timestamp(now), "by": by, "text": text}
    return replace(episode, notes=(*episode.notes, note))
