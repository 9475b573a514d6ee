"""Dependencies of routes: the database and the settings of the app."""

from typing import Annotated

from fastapi import Depends, Request

from api.db.database import Database
from shared.api_settings import ApiSettings


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


OpenDatabase = Annotated[Database, Depends(_database)]
LoadedSettings = Annotated[ApiSettings, Depends(_settings)]
