"""Reminders: a route repeats an episode until it is acknowledged, muted or over."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, select, text, update

from alert_worker.routes.outbox import add_deliveries
from alert_worker.routes.plan import PlannedTarget
from shared.episodes.model import Event
from shared.episodes.store import add_messages, find_episode
from shared.storage.episode_tables import episode_messages as messages

# A reminder that waits for its receiver is not followed by another one.
_DUE = text("""
    SELECT e.id FROM episodes e
    WHERE e.closed_at IS NULL AND e.acknowledged_at IS NULL
      AND (e.muted_until IS NULL OR e.muted_until <= :now)
      AND (
        SELECT max(m.at) <= :before AND bool_and(d.state NOT IN ('pending', 'held'))
        FROM episode_messages m JOIN message_deliveries d ON d.vin = m.vin AND d.message_id = m.id
        WHERE m.vin = e.vin AND m.episode_id = e.id AND d.route = :route AND d.state <> 'skipped'
          AND m.event IN ('opened', 'worse', 'repeated')
      )
    ORDER BY e.opened_at LIMIT 200
""")


def add_repeats(connection: Connection, plan: Sequence[PlannedTarget], now: datetime) -> int:
    """Write the reminders that are due, with their deliveries; return their number.

    Receivers of a retained state, such as the broker, get none: their state has not changed.
    """
    count = 0
    for route in {each.route.name: each.route for each in plan}.values():
        if route.repeat_s:
            receivers = [each for each in plan if each.route is route and each.target.is_limited]
            before = now - timedelta(seconds=route.repeat_s)
            due = connection.execute(_DUE, {"now": now, "before": before, "route": route.name}).scalars()
            count += sum(_repeat(connection, each, receivers, now) for each in due.all())
    return count


def _repeat(
    connection: Connection, episode_id: UUID, receivers: Iterable[PlannedTarget], now: datetime
) -> bool:
    """Write one reminder, unless the episode has ended or was acknowledged meanwhile."""
    episode = find_episode(connection, episode_id, lock=True)
    if episode is None or episode.closed_at is not None or episode.acknowledged_at is not None:
        return False
    add_messages(connection, [(episode, Event.REPEATED)], now)
    column = messages.c
    of_episode = (column.vin == episode.vin, column.episode_id == episode.id)
    message_id = connection.execute(
        select(column.id).where(*of_episode).order_by(column.number.desc()).limit(1)
    ).scalar_one()
    # Routed here: other routes repeat at intervals of their own.
    connection.execute(
        update(messages).where(column.vin == episode.vin, column.id == message_id).values(routed_at=now)
    )
    add_deliveries(connection, episode.vin, message_id, [(each, now) for each in receivers])
    return True
