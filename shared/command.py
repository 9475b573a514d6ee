"""The frame of a command: settings, Ctrl-C, the error line, the exit code.

Exit codes: 0 done; 1 not done, or not all of it; 2 wrong arguments or settings; 130 ended by Ctrl-C.
"""

import signal
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared import logs
from shared.command_arguments import complain
from shared.settings import DatabaseSettings, InvalidSettingsError, Settings, load
from shared.storage.engine import writer_engine
from shared.storage.error_classes import explain
from shared.storage.schema_version import OutdatedSchemaError, require_current_schema

S = TypeVar("S", bound=Settings)
D = TypeVar("D", bound=DatabaseSettings)


def run_command(
    kind: type[S],
    run: Callable[[S], int],
    *,
    log: bool = True,
    expected: tuple[type[Exception], ...] = (),
) -> int:
    """Load the settings, call `run` and return the exit code; an expected error is printed as one line.

    Always expected are those of the database; `expected` are further ones.
    """
    try:
        settings = load(kind)
    except InvalidSettingsError as error:
        return complain(error, code=2)
    if log:
        logs.configure(settings.log_level, settings.log_format)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run(settings)
    except KeyboardInterrupt:
        return 130
    except OutdatedSchemaError as error:
        return complain(error)
    except expected as error:
        return complain(error)
    except (SQLAlchemyError, psycopg.Error) as error:
        if not isinstance(settings, DatabaseSettings):
            raise
        return complain(explain(error, settings.database_url))


def run_on_database(kind: type[D], run: Callable[[D, Engine], int], *, name: str, log: bool = True) -> int:
    """Run a command with an engine for the database, after a check that its schema is current."""

    def connected(settings: D) -> int:
        engine = writer_engine(settings.database_url, name=name)
        try:
            with engine.connect() as connection:
                require_current_schema(connection)
            return run(settings, engine)
        finally:
            engine.dispose()

    return run_command(kind, connected, log=log)
