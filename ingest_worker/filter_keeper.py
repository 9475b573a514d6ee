"""The topic filters of the worker's session: kept in the database, unsubscribed once no source has them."""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from ingest_worker.broker_session import BrokerSession
from ingest_worker.committer import DATABASE_ERRORS
from ingest_worker.worker_health import WorkerHealth
from shared.storage.error_classes import summarise
from shared.storage.session_filters import add_filters, remove_filters

log = logging.getLogger("ingest_worker.filters")

_RETRY_S = 5.0


class FilterKeeper:
    """Keeps the filters of each session that the worker opens. Errors of the database delay that by 5 s."""

    def __init__(
        self,
        engine: Engine,
        broker: BrokerSession,
        health: WorkerHealth,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._health = health
        self._clock = clock
        self._retry_at = clock()
        self._kept_for: str | None = None
        self._removing: frozenset[str] = frozenset()

    def update(self) -> None:
        """Note the filters of a new session; forget those that the broker has unsubscribed.

        Called ahead of the session's first messages: a filter that is not noted is never unsubscribed.
        """
        if not self._health.database_answers:
            return
        client_id = self._broker.client_id
        has_removed = bool(self._removing) and self._removing <= set(self._broker.subscription.unsubscribed)
        if (self._kept_for == client_id and not has_removed) or self._clock() < self._retry_at:
            return
        try:
            with self._engine.begin() as connection:
                if self._kept_for == client_id:
                    remove_filters(connection, client_id, self._removing)
                    self._removing = frozenset()
                    return
                obsolete = add_filters(connection, client_id, self._broker.subscription.filters(client_id))
        except DATABASE_ERRORS as error:
            self._retry_at = self._clock() + _RETRY_S
            log.warning("The topic filters of %s are noted later: %s", client_id, summarise(error))
            return
        self._kept_for, self._removing = client_id, frozenset(obsolete)
        if obsolete:
            self._broker.unsubscribe(obsolete)
