"""Deliveries to one receiver: those that are due, and the outcome of each."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import Connection, RowMapping, text

from alert_worker.routes.plan import PlannedTarget
from alert_worker.routes.target import Message
from shared.wire.timestamps import format_timestamp

GIVE_UP_AFTER = timedelta(days=1)
"""Age of a message at which its delivery is given up."""
_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 900.0
_MOST_SUMMED = 10_000
_EVER = datetime(9999, 1, 1, tzinfo=UTC)

# One delivery of an episode at a time, in the order of its messages. Thermal events first, then the worst.
_DUE = text("""
    SELECT d.vin, d.message_id, d.attempts, d.state, m.event, m.at, m.body, p.name, p."group", p.plate,
      EXISTS (
        SELECT FROM episodes o
        WHERE o.vin = d.vin AND o.code = m.body ->> 'code' AND o.id <> m.episode_id AND o.closed_at IS NULL
      ) AS other_is_open
    FROM message_deliveries d
    JOIN episode_messages m ON m.vin = d.vin AND m.id = d.message_id
    LEFT JOIN vehicle_profiles p ON p.vin = d.vin
    WHERE d.state IN ('pending', 'held') AND d.next_attempt_at <= :now
      AND d.route = :route AND d.target = :target
      AND NOT EXISTS (
        SELECT FROM episode_messages n
        JOIN message_deliveries e ON e.vin = n.vin AND e.message_id = n.id
        WHERE n.vin = m.vin AND n.episode_id = m.episode_id AND n.number < m.number
          AND e.route = d.route AND e.target = d.target AND e.state IN ('pending', 'held')
      )
      AND (NOT :is_held OR d.state = 'held')
    ORDER BY m.body ->> 'code' <> 'THERMAL_EVENT',
      array_position(ARRAY['critical', 'warning', 'info'], m.body ->> 'severity'), m.at, m.vin, m.number
    LIMIT :limit
""")

_SET = text("""
    UPDATE message_deliveries
    SET state = :state, attempts = attempts + :tries, next_attempt_at = :next, last_error = :error,
      sent_at = :sent
    WHERE vin = :vin AND message_id = :message_id AND route = :route AND target = :target
""")


_WAITING = text("""
    SELECT route, count(*) AS number FROM message_deliveries
    WHERE state IN ('pending', 'held') GROUP BY route
""")


class Delivery(NamedTuple):
    """One message that is due at one receiver."""

    vin: str
    message_id: UUID
    attempts: int
    code: str
    severity: str
    at: datetime
    other_is_open: bool
    """True where another episode of the same code is open: the end of this one ends no alert."""
    is_held: bool
    """True for one that the route's limit has held back."""
    message: Message

    @property
    def is_urgent(self) -> bool:
        """True for one that no limit holds back."""
        return self.code == "THERMAL_EVENT"


def due_deliveries(
    connection: Connection, planned: PlannedTarget, now: datetime, limit: int
) -> list[Delivery]:
    """Return deliveries that are due at a receiver, at most `limit`; of each episode the first one only."""
    parameters = {"now": now, "limit": limit, "is_held": False, **_receiver(planned)}
    return [_delivery(row) for row in connection.execute(_DUE, parameters).mappings()]


def held_deliveries(connection: Connection, planned: PlannedTarget) -> list[Delivery]:
    """Return what the limit has held back at a receiver; of each episode the first one only."""
    parameters = {"now": _EVER, "limit": _MOST_SUMMED, "is_held": True, **_receiver(planned)}
    return [_delivery(row) for row in connection.execute(_DUE, parameters).mappings()]


def mark_sent(
    connection: Connection,
    planned: PlannedTarget,
    sent: Sequence[Delivery],
    now: datetime,
    *,
    state: str = "sent",
) -> None:
    """Mark deliveries as sent, or as `summed` where one message named them all."""
    _set(connection, planned, sent, state=state, tries=1, next=None, error=None, sent=now)


def is_too_old(planned: PlannedTarget, delivery: Delivery, now: datetime) -> bool:
    """Return whether a delivery that failed again is given up: a day after it was first due.

    The first attempt never decides: a backlog may be older.
    """
    age = now - delivery.at - timedelta(seconds=planned.route.after_s)
    return delivery.attempts > 0 and age >= GIVE_UP_AFTER


def mark_failed(
    connection: Connection, planned: PlannedTarget, delivery: Delivery, error: str, now: datetime
) -> bool:
    """Set the next attempt of a delivery, or give it up after a day; return whether it is given up."""
    is_over = is_too_old(planned, delivery, now)
    wait_s = min(_FIRST_RETRY_S * 2.0 ** min(delivery.attempts, 10), _LONGEST_RETRY_S)
    _set(
        connection,
        planned,
        [delivery],
        state="failed" if is_over else "pending",
        tries=1,
        next=None if is_over else now + timedelta(seconds=wait_s),
        error=error,
        sent=None,
    )
    return is_over


def mark_held(
    connection: Connection,
    planned: PlannedTarget,
    held: Sequence[Delivery],
    until: datetime,
    error: str | None = None,
) -> None:
    """Hold deliveries back until a moment, as the route's limit asks; `error` is that of a failed summary."""
    tries = 0 if error is None else 1
    _set(connection, planned, held, state="held", tries=tries, next=until, error=error, sent=None)


def give_up_unknown(connection: Connection, plan: Sequence[PlannedTarget]) -> int:
    """Give up what waits for receivers that the routes file no longer names; return the number."""
    known = {(each.route.name, each.label) for each in plan}
    waiting = connection.execute(
        text("SELECT DISTINCT route, target FROM message_deliveries WHERE state IN ('pending', 'held')")
    ).all()
    gone = [{"route": route, "target": target} for route, target in waiting if (route, target) not in known]
    if not gone:
        return 0
    statement = text("""
        UPDATE message_deliveries
        SET state = 'failed', next_attempt_at = NULL,
          last_error = 'the routes file no longer names the receiver'
        WHERE state IN ('pending', 'held') AND route = :route AND target = :target
    """)
    return sum(connection.execute(statement, each).rowcount for each in gone)


def waiting_by_route(connection: Connection) -> dict[str, int]:
    """Return the number of deliveries that wait, by route."""
    return {row.route: row.number for row in connection.execute(_WAITING)}


def digest_of(held: Sequence[Delivery], per_minute: int, now: datetime) -> Message:
    """Return the message that sums up what the limit has held back.

    Its id follows from the messages that it names: with the same id it has the same content.
    """
    named = [str(each.message_id) for each in held]
    groups = Counter((each.message["event"], each.severity, each.code) for each in held)
    return {
        "id": str(uuid5(NAMESPACE_OID, ",".join(named))),
        "event": "digest",
        "count": len(held),
        "per_minute": per_minute,
        "groups": [
            {"event": event, "severity": severity, "code": code, "count": count}
            for (event, severity, code), count in groups.most_common()
        ],
        "messages": named,
        "at": format_timestamp(now),
    }


def _delivery(row: RowMapping) -> Delivery:
    body: dict[str, Any] = row["body"]
    message = {
        "id": str(row["message_id"]),
        "event": row["event"],
        "episode": body,
        "vehicle": {name: row[name] for name in ("vin", "name", "group", "plate")},
        "at": format_timestamp(row["at"]),
    }
    return Delivery(
        row["vin"],
        row["message_id"],
        row["attempts"],
        body["code"],
        body["severity"],
        row["at"],
        row["other_is_open"],
        row["state"] == "held",
        message,
    )


def _receiver(planned: PlannedTarget) -> dict[str, str]:
    return {"route": planned.route.name, "target": planned.label}


def _set(connection: Connection, planned: PlannedTarget, which: Sequence[Delivery], **values: Any) -> None:
    rows = [
        {"vin": each.vin, "message_id": each.message_id, **_receiver(planned), **values} for each in which
    ]
    if rows:
        connection.execute(_SET, rows)
