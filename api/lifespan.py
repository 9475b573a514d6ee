"""Start and end of the app: settings are read, the schema is checked, the database is opened and closed."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.db.connection_budget import TooManyConnectionsError, require_enough_connections
from api.db.database import Database
from api.db.errors import DatabaseAwayError
from api.db.pool import PoolLimits
from api.http.access_keys import AccessKeys
from api.http.audit_writer import AuditWriter
from api.http.problems import DATABASE_ERRORS, fault_of
from api.queries import exports, vehicle_states
from api.queries.access_keys import stored_keys
from api.services.diagnosis import DiagnosisRunner
from shared.api_settings import ApiSettings
from shared.settings import InvalidSettingsError, load
from shared.storage.error_classes import Fault, summarise
from shared.storage.schema_version import OutdatedSchemaError, require_current_schema

log = logging.getLogger("api")


class StartupError(Exception):
    """The app can't start; the message is the one line that the operator reads."""


def lifespan_with(
    settings: ApiSettings | None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Make the app's lifespan; without `settings` they are read from the environment."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            app.state.settings = settings or load(ApiSettings)
        except InvalidSettingsError as error:
            raise StartupError(str(error)) from None
        app.state.database = database = make_database(app.state.settings)
        app.state.diagnoses = DiagnosisRunner()
        keys: AccessKeys = app.state.access_keys
        audit: AuditWriter = app.state.audit
        keys.attach(lambda: database.read_keys(stored_keys))
        try:
            await _check_database(database, app.state.settings)
            async with (
                app.state.process_metrics.publish_periodically(),
                keys.renew_periodically(app.state.settings.keys),
                audit.write_periodically(database, app.state.settings.audit_keep_days),
            ):
                yield
        finally:
            await app.state.database.close()

    return lifespan


def make_database(settings: ApiSettings, limits: PoolLimits | None = None) -> Database:
    """Make the database of every call, with the queries that it runs by itself; not yet open."""
    return Database(settings, latest=vehicle_states.latest, export_session=exports.SESSION, limits=limits)


async def _check_database(database: Database, settings: ApiSettings) -> None:
    try:
        await database.open()
        await database.read_blocking(require_current_schema)
        await database.read_blocking(require_enough_connections, settings)
    except (OutdatedSchemaError, TooManyConnectionsError) as error:
        raise StartupError(str(error)) from None
    except (*DATABASE_ERRORS, SQLAlchemyError, psycopg.Error, OSError) as error:
        if fault_of(error) is not Fault.TRANSIENT:
            raise StartupError(f"DATABASE_URL: {summarise(error)}") from None
        # The app starts without a database: health reports this, and calls work once the database answers.
        if not isinstance(error, DatabaseAwayError):
            log.warning("The database could not be asked for its schema: %s", summarise(error))


class OneLineStartupErrors:
    """Middleware that hands the server a StartupError's one line instead of a stack trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every message on, except the report of a failed start."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def hold_failure(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failures.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except StartupError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except BaseException:
            for message in failures:
                await send(message)
            raise
