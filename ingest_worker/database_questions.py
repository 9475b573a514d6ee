"""Questions to the database that have to be answered before a message can be stored."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from ingest_worker.backoff import Backoff
from ingest_worker.committer import DATABASE_ERRORS, BackOff, CountError

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseQuestions:
    """Asks until the database answers. `count_error` and `back_off` are those of the committer.

    `store` stores the batch at hand: what is in it is newer than all that is stored.
    """

    def __init__(
        self, engine: Engine, *, store: Callable[[], None], count_error: CountError, back_off: BackOff
    ) -> None:
        self._engine = engine
        self._store = store
        self._count_error = count_error
        self._back_off = back_off

    def ask(
        self,
        question: Callable[Concatenate[Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Store the batch, then return the answer. Raises the errors of `back_off`: the worker is stopped."""
        self._store()
        backoff = Backoff(first=0.1, longest=5)
        while True:
            try:
                with self._engine.connect() as connection:
                    return question(connection, *arguments, **options)
            except DATABASE_ERRORS as error:
                self._back_off(error, self._count_error(error), backoff)
