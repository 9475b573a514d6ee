"""The topic filters of the worker's session: kept in the database, unsubscribed once no source has them."""

import logging

from sqlalchemy import Engine

from ingest_worker.broker_session import BrokerSession
from ingest_worker.committer import DATABASE_ERRORS
from shared.storage.error_classes import summarise
from shared.storage.session_filters import add_filters, remove_filters

log = logging.getLogger("ingest_worker.filters")


class FilterKeeper:
    """Keeps the filters of each session that the worker opens. Errors of the database delay that."""

    def __init__(self, engine: Engine, broker: BrokerSession) -> None:
        self._engine = engine
        self._broker = broker
        self._kept_for: str | None = None
        self._removing: frozenset[str] = frozenset()

    def update_if(self, database_answers: bool) -> None:
        """Note the filters of a new session; forget those that the broker has unsubscribed.

        Called ahead of the session's first messages: a filter that is not noted is never unsubscribed.
        """
        if not database_answers:
            return
        client_id = self._broker.client_id
        has_removed = bool(self._removing) and self._removing <= set(self._broker.subscription.unsubscribed)
        if self._kept_for == client_id and not has_removed:
            return
        try:
            with self._engine.begin() as connection:
                if self._kept_for == client_id:
                    remove_filters(connection, client_id, self._removing)
                    self._removing = frozenset()
                    return
                obsolete = add_filters(connection, client_id, self._broker.subscription.filters(client_id))
        except DATABASE_ERRORS as error:
            log.warning("The topic filters of %s are noted later: %s", client_id, summarise(error))
            return
        self._kept_for, self._removing = client_id, frozenset(obsolete)
        if obsolete:
            self._broker.unsubscribe(obsolete)
