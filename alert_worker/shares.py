"""Shares of the vehicles, claimed by alert workers for some seconds at a time, in the database.

A worker that ends gives its shares back; those of one that was killed are free after LEASE_S. A worker whose
claim has run out, such as one that was suspended, can't change an episode: each transaction that does so
requires the claim, and holds it until its end.
"""

import math
from collections.abc import Collection
from zlib import crc32

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from shared.storage.episode_tables import SHARES, alert_shares, alert_workers

LEASE_S = 30
RENEW_S = 8.0
"""Time between two renewals: a worker that is killed is replaced within LEASE_S + RENEW_S."""

_LEASE = text(f"interval '{LEASE_S} seconds'")
_COLUMN = alert_shares.c
_UNTIL = func.clock_timestamp() + _LEASE


class ClaimLostError(Exception):
    """Another worker may judge these vehicles by now."""


def share_of(vin: str) -> int:
    """Return the share that a vehicle belongs to."""
    return crc32(vin.encode()) % SHARES


class Shares:
    """The shares that this worker holds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.held: frozenset[int] = frozenset()
        self.workers = 0
        """Number of workers that run, this one included."""

    def renew(self, connection: Connection) -> None:
        """Renew the claims; claim free shares up to this worker's part, and free those beyond it.

        Runs in a transaction of its own; `held` is valid once that has committed.
        """
        self._register(connection)
        connection.execute(
            insert(alert_shares).on_conflict_do_nothing(index_elements=["share"]),
            [{"share": share} for share in range(SHARES)],
        )
        # Locked in one order, so that two workers never wait for each other.
        rows = connection.execute(
            select(
                _COLUMN.share,
                _COLUMN.claimed_by,
                func.coalesce(_COLUMN.claimed_until > func.clock_timestamp(), False),
            )
            .order_by(_COLUMN.share)
            .with_for_update()
        ).all()
        part = math.ceil(SHARES / self.workers)
        mine = [share for share, owner, is_valid in rows if owner == self._name and is_valid]
        free = [share for share, owner, is_valid in rows if owner is None or not is_valid]
        held = (mine + free)[:part]
        self._claim(connection, held, self._name)
        self._claim(connection, mine[part:], None)
        self.held = frozenset(held)

    def require(self, connection: Connection, vins: Collection[str]) -> None:
        """Raise ClaimLostError unless these vehicles are this worker's until the end of the transaction."""
        wanted = {share_of(vin) for vin in vins}
        query = select(_COLUMN.share).where(
            _COLUMN.share.in_(wanted),
            _COLUMN.claimed_by == self._name,
            _COLUMN.claimed_until > func.clock_timestamp(),
        )
        valid = set(connection.execute(query.order_by(_COLUMN.share).with_for_update(read=True)).scalars())
        if valid != wanted:
            raise ClaimLostError(f"the claim on {len(wanted - valid)} of {SHARES} shares has run out")

    def release(self, connection: Connection) -> None:
        """Give all shares back, at the end of the worker."""
        mine = _COLUMN.claimed_by == self._name
        connection.execute(update(alert_shares).where(mine).values(claimed_by=None, claimed_until=None))
        connection.execute(alert_workers.delete().where(alert_workers.c.name == self._name))
        self.held = frozenset()

    def _register(self, connection: Connection) -> None:
        statement = insert(alert_workers).values(name=self._name, seen_until=_UNTIL)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"seen_until": _UNTIL})
        )
        gone = alert_workers.c.seen_until <= func.clock_timestamp()
        connection.execute(alert_workers.delete().where(gone))
        self.workers = connection.execute(select(func.count()).select_from(alert_workers)).scalar_one()

    def _claim(self, connection: Connection, shares: Collection[int], owner: str | None) -> None:
        if shares:
            connection.execute(
                update(alert_shares)
                .where(_COLUMN.share.in_(shares))
                .values(claimed_by=owner, claimed_until=None if owner is None else _UNTIL)
            )
