"""Keys in the database: made, listed, revoked, rotated."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from shared.access.role import Role
from shared.access.secret_key import digest, new_key
from shared.storage.access_tables import api_keys

_COLUMN = api_keys.c
_LISTED = [column for column in _COLUMN if column is not _COLUMN.digest]


class KeyChoiceError(Exception):
    """A key can't be found or chosen; the message gives the reason."""


def create_key(
    connection: Connection,
    name: str,
    role: Role,
    *,
    vins: Sequence[str] = (),
    groups: Sequence[str] = (),
    expires_at: datetime | None = None,
    rotated_from: int | None = None,
) -> tuple[int, str]:
    """Insert a key; returns its id, and the key itself, which can't be read again."""
    key = new_key()
    values = {
        "digest": digest(key.encode()),
        "name": name,
        "role": role.value,
        "vins": list(dict.fromkeys(vins)),
        "groups": list(dict.fromkeys(groups)),
        "expires_at": expires_at,
        "rotated_from": rotated_from,
    }
    return connection.execute(insert(api_keys).values(values).returning(_COLUMN.id)).scalar_one(), key


def list_keys(connection: Connection) -> Sequence[RowMapping]:
    """Return all keys by id, without their digests."""
    return connection.execute(select(*_LISTED).order_by(_COLUMN.id)).mappings().all()


def find_key(connection: Connection, named: str, *, lock: bool = False) -> RowMapping:
    """Return the key in force with this id or this name. Raises KeyChoiceError."""
    is_named = _COLUMN.name == named
    if named.isascii() and named.isdecimal() and len(named) < 19:
        is_named = or_(is_named, _COLUMN.id == int(named))
    in_force = _COLUMN.revoked_at.is_(None) & func.coalesce(_COLUMN.expires_at > func.now(), True)
    query = select(*_LISTED).where(is_named, in_force).order_by(_COLUMN.id)
    found = connection.execute(query.with_for_update() if lock else query).mappings().all()
    if not found:
        raise KeyChoiceError(f"No key in force has the id or name {named}; `list` shows all keys.")
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found)
        raise KeyChoiceError(
            f"{len(found)} keys in force have the name {named}: choose one by its id ({ids})."
        )
    return found[0]


def revoke_key(connection: Connection, named: str) -> RowMapping:
    """Revoke a key by id or name; returns its row as it was. Raises KeyChoiceError."""
    found = find_key(connection, named, lock=True)
    connection.execute(update(api_keys).where(_COLUMN.id == found["id"]).values(revoked_at=func.now()))
    return found


def rotate_key(
    connection: Connection, named: str, *, overlap: timedelta, expires_at: datetime | None
) -> tuple[RowMapping, int, str]:
    """Make a key with the name, role and vehicles of another one, which ends after `overlap`.

    Returns the old row, and id and text of the new key. Raises KeyChoiceError.
    """
    old = find_key(connection, named, lock=True)
    key_id, key = create_key(
        connection,
        old["name"],
        Role(old["role"]),
        vins=old["vins"],
        groups=old["groups"],
        expires_at=expires_at or old["expires_at"],
        rotated_from=old["id"],
    )
    end = func.least(_COLUMN.expires_at, func.now() + overlap)
    connection.execute(update(api_keys).where(_COLUMN.id == old["id"]).values(expires_at=end))
    return old, key_id, key


def note_use(connection: Connection, key_ids: Sequence[int]) -> bool:
    """Note that these keys were used now."""
    used = update(api_keys).where(_COLUMN.id.in_(sorted(key_ids))).values(last_used_at=func.now())
    return connection.execute(used).rowcount > 0
