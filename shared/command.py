"""The frame of a command: its settings, Ctrl-C, the line it ends with when it fails, its exit code.

Exit codes: 0 done; 1 not done, or not all of it; 2 wrong arguments or settings; 130 ended by Ctrl-C.
"""

import signal
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared import logs
from shared.arguments import complain
from shared.database import writer_engine
from shared.database_errors import explain
from shared.schema import OutdatedSchemaError, require_current_schema
from shared.settings import DatabaseSettings, InvalidSettingsError, Settings, load

S = TypeVar("S", bound=Settings)
D = TypeVar("D", bound=DatabaseSettings)


def run_command(kind: type[S], run: Callable[[S], int], *, log: bool = True) -> int:
    """Load the settings, run, and return the exit code; a failure that is foreseen is one line."""
    try:
        settings = load(kind)
    except InvalidSettingsError as error:
        return complain(error, code=2)
    if log:
        logs.configure(settings.log_level)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run(settings)
    except KeyboardInterrupt:
        return 130
    except OutdatedSchemaError as error:
        return complain(error)
    except (SQLAlchemyError, psycopg.Error) as error:
        if not isinstance(settings, DatabaseSettings):
            raise
        return complain(explain(error, settings.database_url))


def run_on_database(kind: type[D], run: Callable[[D, Engine], int], *, name: str, log: bool = True) -> int:
    """Run a command that needs the database, with an engine for it, once its schema is found current."""

    def connected(settings: D) -> int:
        engine = writer_engine(settings.database_url, name=name)
        try:
            with engine.connect() as connection:
                require_current_schema(connection)
            return run(settings, engine)
        finally:
            engine.dispose()

    return run_command(kind, connected, log=log)
