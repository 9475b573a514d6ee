"""Episodes of the whole fleet: the list, the messages of one, and the open ones of each vehicle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from api.db.pool import Connection
from shared.access.scope import Scope
from shared.diagnostics.alerts import Severity
from shared.episodes.model import LATCHED

LATELY = timedelta(hours=24)
"""Time in which the episodes of a vehicle are counted."""

_SEVERITIES = list(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeFilter:
    """Filters of the list; None is no filter."""

    state: str
    """`open`, `closed` or `all`."""
    min_severity: Severity | None
    code: Sequence[str] | None
    vin: str | None
    vin_prefix: str | None
    group: str | None
    acknowledged: bool | None
    from_ts: datetime | None
    to_ts: datetime | None
    since: datetime | None


_CONDITIONS = {
    "vin": "vin = %(vin)s",
    # `~` comes after every character of a VIN: a range of the key's index, unlike LIKE.
    "vin_prefix": "vin >= %(vin_prefix)s AND vin < %(vin_prefix)s || '~'",
    "group": 'vin IN (SELECT vin FROM vehicle_profiles WHERE "group" = %(group)s)',
    "code": "code = ANY(%(code)s)",
    "min_severity": "severity = ANY(%(severities)s)",
    "from_ts": "(ended_at IS NULL OR ended_at >= %(from_ts)s)",
    "to_ts": "started_at <= %(to_ts)s",
    "since": "changed_at > %(since)s",
    "after": "(started_at, id) < (%(after_ts)s, %(after_id)s)",
}


async def list_episodes(
    connection: Connection,
    scope: Scope,
    wanted: EpisodeFilter,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Select up to `limit` episodes behind a key, the newest first; withdrawn ones only with `since`."""
    given = {name for name in _CONDITIONS if getattr(wanted, name, None) is not None}
    if after is not None:
        given.add("after")
    conditions = [_CONDITIONS[name] for name in _CONDITIONS if name in given]
    conditions.append(scope.condition())
    if wanted.state != "all":
        conditions.append(f"closed_at IS {'' if wanted.state == 'open' else 'NOT '}NULL")
    if wanted.since is None:
        conditions.append("NOT withdrawn")
    if wanted.acknowledged is not None:
        conditions.append(f"acknowledged_at IS {'NOT ' if wanted.acknowledged else ''}NULL")
    query = f"""
        SELECT episodes.*, profile.name, profile."group", profile.plate
        FROM episodes LEFT JOIN vehicle_profiles AS profile USING (vin)
        WHERE {" AND ".join(conditions)}
        ORDER BY started_at DESC, id DESC LIMIT %(limit)s
    """  # noqa: S608 - of fixed parts
    values = {name: getattr(wanted, name) for name in EpisodeFilter.__dataclass_fields__}
    values["code"] = list(wanted.code or ())
    severity = wanted.min_severity
    values["severities"] = _SEVERITIES[_SEVERITIES.index(severity) :] if severity else []
    values["after_ts"], values["after_id"] = after or (None, None)
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(query, {**values, **scope.parameters(), "limit": limit})
    return await cursor.fetchall()


_ONE = """
    SELECT episodes.*, profile.name, profile."group", profile.plate
    FROM episodes LEFT JOIN vehicle_profiles AS profile USING (vin)
    WHERE id = %(id)s AND {}
"""
_SENT = """
    SELECT message.number, message.event, message.at, delivery.route, delivery.target,
        delivery.state, delivery.attempts, delivery.next_attempt_at, delivery.last_error, delivery.sent_at
    FROM episode_messages AS message
    LEFT JOIN message_deliveries AS delivery ON delivery.vin = message.vin AND message_id = message.id
    WHERE message.vin = %s AND episode_id = %s ORDER BY number, route, target
"""


async def episode(connection: Connection, scope: Scope, episode_id: UUID) -> dict[str, Any] | None:
    """Select one episode of a vehicle of a scope; None for an unknown one."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(_ONE.format(scope.condition()), {"id": episode_id, **scope.parameters()})
    return await cursor.fetchone()


async def sent_messages(
    connection: Connection, scope: Scope, vin: str, episode_id: UUID
) -> list[dict[str, Any]]:
    """Select the messages of an episode, a row for each delivery, or one row where there is none."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(_SENT, (scope.key(vin), episode_id))
    return await cursor.fetchall()


# Each code and severity as one number, so that the worst one is the largest: a latched code, then severities.
_RANK = (
    f"CASE WHEN code IN ({', '.join(repr(code) for code in sorted(LATCHED))}) THEN {len(_SEVERITIES)}"
    f" ELSE array_position(ARRAY[{', '.join(repr(str(each)) for each in _SEVERITIES)}], severity) - 1 END"
)
_OF_VEHICLES = f"""
    SELECT vin, count(*) FILTER (WHERE closed_at IS NULL), count(*) FILTER (WHERE opened_at > %(since)s),
        (array_agg(id ORDER BY {_RANK} DESC, started_at DESC) FILTER (WHERE closed_at IS NULL))[1],
        (array_agg(code ORDER BY {_RANK} DESC, started_at DESC) FILTER (WHERE closed_at IS NULL))[1],
        (array_agg(severity ORDER BY {_RANK} DESC, started_at DESC) FILTER (WHERE closed_at IS NULL))[1],
        (array_agg(started_at ORDER BY {_RANK} DESC, started_at DESC) FILTER (WHERE closed_at IS NULL))[1],
        (array_agg(acknowledged_at ORDER BY {_RANK} DESC, started_at DESC)
            FILTER (WHERE closed_at IS NULL))[1]
    FROM episodes
    WHERE NOT withdrawn AND (closed_at IS NULL OR changed_at > %(since)s AND opened_at > %(since)s) {{}}
    GROUP BY vin
"""  # noqa: S608 - of our own constants


@dataclass(frozen=True, slots=True)
class VehicleEpisodes:
    """The episodes of one vehicle that are open, or began lately."""

    open: int
    lately: int
    id: UUID | None
    code: str | None
    severity: Severity | None
    """Of the worst open one, as all the others here."""
    started_at: datetime | None
    acknowledged_at: datetime | None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a vehicle in the fleet's overview."""
        worst = None
        if self.id is not None:
            worst = {
                "id": self.id,
                "code": self.code,
                "severity": self.severity,
                "since": self.started_at,
                "acknowledged": self.acknowledged_at is not None,
            }
        return {"worst_episode": worst, "open_episodes": self.open, "episodes_24h": self.lately}

    @property
    def is_latched(self) -> bool:
        """True for an episode that only an acknowledgement ends."""
        return self.code in LATCHED


NO_EPISODES = VehicleEpisodes(0, 0, None, None, None, None, None)


async def episodes_of_vehicles(
    connection: Connection, scope: Scope, since: datetime
) -> dict[str, VehicleEpisodes]:
    """Select the vehicles of a scope with an open episode, or one that opened since then, by our clock."""
    query = _OF_VEHICLES.format(f"AND {scope.condition()}")
    cursor = await connection.execute(query, {"since": since, **scope.parameters()}, binary=True)
    return {row[0]: _vehicle_episodes(*row[1:]) for row in await cursor.fetchall()}


async def episodes_of_vehicle(connection: Connection, vin: str, since: datetime) -> VehicleEpisodes:
    """Select the same of one vehicle."""
    query = _OF_VEHICLES.format("AND vin = %(vin)s")
    row = await (await connection.execute(query, {"since": since, "vin": vin}, binary=True)).fetchone()
    return NO_EPISODES if row is None else _vehicle_episodes(*row[1:])


def _vehicle_episodes(
    number: int, lately: int, episode_id: UUID | None, code: str | None, severity: str | None, *times: Any
) -> VehicleEpisodes:
    return VehicleEpisodes(number, lately, episode_id, code, Severity(severity) if severity else None, *times)


_LABELS = """
    SELECT vin, name, "group", plate FROM vehicle_profiles
    WHERE vin = ANY(%s) AND num_nonnulls(name, "group", plate) > 0
"""
NO_LABELS: dict[str, str | None] = {"name": None, "group": None, "plate": None}
_GROUP = 'SELECT vin FROM vehicle_profiles WHERE "group" = %s'


async def labels(
    connection: Connection, scope: Scope, vins: Sequence[str]
) -> dict[str, dict[str, str | None]]:
    """Select name, group and plate of these vehicles, of those of a scope that have any."""
    cursor = await connection.execute(_LABELS, ([scope.key(vin) for vin in vins],), binary=True)
    return {
        vin: {"name": name, "group": group, "plate": plate}
        for vin, name, group, plate in await cursor.fetchall()
    }


async def labels_of(connection: Connection, vin: str) -> dict[str, str | None]:
    """Select name, group and plate of one vehicle."""
    row = await (await connection.execute(_LABELS, ([vin],), binary=True)).fetchone()
    return NO_LABELS if row is None else dict(zip(NO_LABELS, row[1:], strict=True))


async def vins_of_group(connection: Connection, scope: Scope, group: str) -> frozenset[str]:
    """Select the vehicles of a group that are in a scope."""
    cursor = await connection.execute(_GROUP, (group,), binary=True)
    return frozenset(vin for (vin,) in await cursor.fetchall() if scope.holds(vin))
