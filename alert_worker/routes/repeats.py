"""Reminders: a route repeats an episode until it is acknowledged, muted or over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text, update

from alert_worker.routes.outbox import add_deliveries
from alert_worker.routes.plan import PlannedTarget
from shared.episodes.model import Event
from shared.episodes.store import add_messages, find_episode
from shared.storage.episode_tables import episode_messages as messages

# A reminder that waits for its receiver is not followed by another one.
_DUE = text("""
    SELECT e.vin, e.id FROM episodes e
    WHERE e.closed_at IS NULL AND e.acknowledged_at IS NULL
      AND (e.muted_until IS NULL OR e.muted_until <= :now)
      AND (
        SELECT max(coalesce(d.sent_at, m.at)) <= :before AND bool_and(d.state NOT IN ('pending', 'held'))
        FROM episode_messages m JOIN message_deliveries d ON d.vin = m.vin AND d.message_id = m.id
        WHERE m.vin = e.vin AND m.episode_id = e.id AND d.route = :route AND d.target = :target
          AND d.state <> 'skipped' AND m.event IN ('opened', 'worse', 'repeated')
      )
    ORDER BY e.opened_at LIMIT 200
""")


def add_repeats(connection: Connection, plan: Sequence[PlannedTarget], now: datetime) -> int:
    """Write the reminders that are due, with their deliveries; return their number.

    Each receiver has its own, so that one which is away stops no other's. Receivers of a retained state, such
    as the broker, get none: their state has not changed.
    """
    count = 0
    for each in plan:
        if each.route.repeat_s and each.target.is_limited:
            before = now - timedelta(seconds=each.route.repeat_s)
            receiver = {"route": each.route.name, "target": each.label}
            due = connection.execute(_DUE, {"now": now, "before": before, **receiver}).all()
            # In the order in which the looks lock episodes: otherwise the two could deadlock.
            count += sum(_repeat(connection, row.id, each, now) for row in sorted(due, key=_by_key))
    return count


def _by_key(row: Row[Any]) -> tuple[str, UUID]:
    return row.vin, row.id


def _repeat(connection: Connection, episode_id: UUID, receiver: PlannedTarget, now: datetime) -> bool:
    """Write one reminder, unless the episode has ended or was acknowledged meanwhile."""
    episode = find_episode(connection, episode_id, lock=True)
    if episode is None or episode.closed_at is not None or episode.acknowledged_at is not None:
        return False
    (message_id,) = add_messages(connection, [(episode, Event.REPEATED)], now)
    column = messages.c
    # Routed here: other receivers are reminded at times of their own.
    connection.execute(
        update(messages).where(column.vin == episode.vin, column.id == message_id).values(routed_at=now)
    )
    add_deliveries(connection, episode.vin, message_id, [(receiver, now)])
    return True
