"""The outbox: each message about an episode becomes a delivery to each receiver that wants it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from alert_worker.routes.plan import PlannedTarget
from shared.episodes.model import Event
from shared.storage.episode_tables import episode_messages as messages
from shared.storage.episode_tables import message_deliveries
from shared.storage.tables import vehicle_profiles

_AT_ONCE = 200
_ENDS = frozenset({Event.CLOSED, Event.WITHDRAWN})
_BEGINNINGS = frozenset({Event.OPENED, Event.WORSE, Event.REPEATED})


def route_messages(connection: Connection, plan: Sequence[PlannedTarget], now: datetime) -> int:
    """Write the deliveries of the oldest messages that have none; return the number of messages.

    The caller holds the sender's lock, so that no other process routes at the same time. A message that no
    route wants is done with.
    """
    rows = connection.execute(
        select(messages, vehicle_profiles.c.group)
        .outerjoin(vehicle_profiles, vehicle_profiles.c.vin == messages.c.vin)
        .where(messages.c.routed_at.is_(None))
        .order_by(messages.c.at, messages.c.vin, messages.c.number)
        .limit(_AT_ONCE)
    ).mappings()
    routed = rows.all()
    for row in routed:
        _route(connection, row, plan, now)
    return len(routed)


def _route(connection: Connection, row: RowMapping, plan: Iterable[PlannedTarget], now: datetime) -> None:
    before = _deliveries_before(connection, row)
    due = [
        (each, at)
        for each in plan
        if (at := _due_at(connection, row, each, before.get((each.route.name, each.label), []), now))
    ]
    add_deliveries(connection, row["vin"], row["id"], due)
    connection.execute(
        update(messages).where(messages.c.vin == row["vin"], messages.c.id == row["id"]).values(routed_at=now)
    )


def add_deliveries(
    connection: Connection, vin: str, message_id: UUID, due: Iterable[tuple[PlannedTarget, datetime]]
) -> None:
    """Write the deliveries of one message, each with the moment from which it is due."""
    rows = [
        {
            "vin": vin,
            "message_id": message_id,
            "route": each.route.name,
            "target": each.label,
            "next_attempt_at": at,
        }
        for each, at in due
    ]
    if rows:
        connection.execute(insert(message_deliveries), rows)


def _deliveries_before(connection: Connection, row: RowMapping) -> dict[tuple[str, str], list[RowMapping]]:
    """Return the deliveries of the episode's earlier messages by route and target, skipped ones left out."""
    deliveries = message_deliveries
    found = connection.execute(
        select(deliveries)
        .join(messages, and_(messages.c.vin == deliveries.c.vin, messages.c.id == deliveries.c.message_id))
        .where(
            messages.c.vin == row["vin"],
            messages.c.episode_id == row["episode_id"],
            messages.c.number < row["number"],
            deliveries.c.state != "skipped",
        )
    ).mappings()
    by_target: dict[tuple[str, str], list[RowMapping]] = {}
    for each in found:
        by_target.setdefault((each["route"], each["target"]), []).append(each)
    return by_target


def _due_at(
    connection: Connection,
    row: RowMapping,
    planned: PlannedTarget,
    before: Sequence[RowMapping],
    now: datetime,
) -> datetime | None:
    """Return when a message is due at a receiver; None where the receiver does not want it.

    The end of an episode within `after_s` takes back what waits for that time.
    """
    route, body = planned.route, row["body"]
    if row["event"] in _BEGINNINGS:
        if not route.takes(row["vin"], row["group"], body["code"], body["severity"]):
            return None
        return max(now, datetime.fromisoformat(body["opened_at"]) + timedelta(seconds=route.after_s))
    if row["event"] in _ENDS:
        waiting = [each for each in before if _waits(each, now)]
        _skip(connection, waiting)
        # The last state of an alert is retained at the broker, and has to become closed there.
        wants_ends = route.recovery or not planned.target.is_limited
        return now if wants_ends and len(waiting) < len(before) else None
    return now if any(not _waits(each, now) for each in before) else None


def _waits(delivery: RowMapping, now: datetime) -> bool:
    return (
        delivery["state"] == "pending"
        and delivery["attempts"] == 0
        and delivery["next_attempt_at"] is not None
        and delivery["next_attempt_at"] > now
    )


def _skip(connection: Connection, waiting: Iterable[RowMapping]) -> None:
    for each in waiting:
        key: dict[str, Any] = {name: each[name] for name in ("vin", "message_id", "route", "target")}
        connection.execute(
            update(message_deliveries)
            .where(*(message_deliveries.c[name] == value for name, value in key.items()))
            .values(state="skipped", next_attempt_at=None)
        )
