"""The keys of the API that are in force, with the members of their groups."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.db.pool import Connection
from shared.access.scope import Scope

_KEYS = """
    SELECT id, digest, name, role, vins, groups, expires_at FROM api_keys
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
_HAS_KEYS = "SELECT EXISTS (SELECT FROM api_keys)"
_MEMBERS = """SELECT vin, "group" FROM vehicle_profiles WHERE "group" = ANY(%s)"""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key in force."""

    id: int
    digest: bytes
    name: str
    role: str
    scope: Scope
    patterns: tuple[str, ...]
    groups: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The keys in force; `is_empty` where no key was ever made."""

    keys: tuple[StoredKey, ...]
    is_empty: bool


async def stored_keys(connection: Connection) -> StoredKeys:
    """Select the keys in force."""
    rows = await (await connection.execute(_KEYS, binary=True)).fetchall()
    groups = {group for row in rows for group in row[5]}
    members = await _members(connection, groups) if groups else {}
    has_keys = bool(rows) or await _one(connection, _HAS_KEYS)
    return StoredKeys(tuple(_stored_key(row, members) for row in rows), is_empty=not has_keys)


def _stored_key(row: tuple[Any, ...], members: dict[str, frozenset[str]]) -> StoredKey:
    key_id, digest, name, role, vins, groups, expires_at = row
    scope = Scope.of(vins, groups, members)
    return StoredKey(key_id, bytes(digest), name, role, scope, tuple(vins), tuple(groups), expires_at)


async def _members(connection: Connection, groups: set[str]) -> dict[str, frozenset[str]]:
    """Select the vehicles of groups."""
    found: dict[str, set[str]] = {}
    for vin, group in await (await connection.execute(_MEMBERS, (sorted(groups),), binary=True)).fetchall():
        found.setdefault(group, set()).add(vin)
    return {group: frozenset(vins) for group, vins in found.items()}


async def _one(connection: Connection, query: str) -> bool:
    row = await (await connection.execute(query)).fetchone()
    return bool(row and row[0])
