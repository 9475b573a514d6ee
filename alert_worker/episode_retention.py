"""Retention of closed episodes and of the messages about them."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

log = logging.getLogger("alert_worker")

_EVERY = timedelta(hours=1)
_MESSAGES_KEEP = timedelta(days=30)
_AT_ONCE = 2_000

_EPISODES = text("""
    WITH old AS (
        SELECT vin, id FROM episodes WHERE changed_at < :before AND closed_at IS NOT NULL
        ORDER BY changed_at LIMIT :most
    ), gone AS (
        DELETE FROM episodes USING old WHERE episodes.vin = old.vin AND episodes.id = old.id
        RETURNING episodes.vin, episodes.id
    ), messages AS (
        DELETE FROM episode_messages USING gone
        WHERE episode_messages.vin = gone.vin AND episode_messages.episode_id = gone.id
        RETURNING episode_messages.vin, episode_messages.id
    ), deliveries AS (
        DELETE FROM message_deliveries USING messages
        WHERE message_deliveries.vin = messages.vin AND message_deliveries.message_id = messages.id
    )
    SELECT count(*) FROM gone
""")
_MESSAGES = text("""
    WITH old AS (
        SELECT vin, id FROM episode_messages WHERE at < :before AND NOT EXISTS (
            SELECT FROM episodes
            WHERE episodes.vin = episode_messages.vin AND episodes.id = episode_id AND closed_at IS NULL
        ) ORDER BY at LIMIT :most
    ), gone AS (
        DELETE FROM episode_messages USING old
        WHERE episode_messages.vin = old.vin AND episode_messages.id = old.id
        RETURNING episode_messages.vin, episode_messages.id
    ), deliveries AS (
        DELETE FROM message_deliveries USING gone
        WHERE message_deliveries.vin = gone.vin AND message_deliveries.message_id = gone.id
    )
    SELECT count(*) FROM gone
""")


def purge(connection: Connection, *, now: datetime, keep_days: int) -> bool:
    """Delete some episodes beyond `keep_days` (0: none) and old messages; return whether more may be left."""
    deleted = 0
    if keep_days:
        before = now - timedelta(days=keep_days)
        deleted = connection.execute(_EPISODES, {"before": before, "most": _AT_ONCE}).scalar_one()
    messages = {"before": now - _MESSAGES_KEEP, "most": _AT_ONCE}
    gone = connection.execute(_MESSAGES, messages).scalar_one()
    return max(int(deleted), int(gone)) == _AT_ONCE


class EpisodeRetention:
    """Passes of `purge`, one an hour, or one after the other while more is left."""

    def __init__(self, engine: Engine, keep_days: int) -> None:
        self._engine = engine
        self._keep_days = keep_days
        self._due: datetime | None = None

    def purge_when_due(self, now: datetime) -> None:
        """Run one pass where one is due."""
        if self._due is not None and now < self._due:
            return
        with self._engine.begin() as connection:
            more = purge(connection, now=now, keep_days=self._keep_days)
        self._due = now if more else now + _EVERY
