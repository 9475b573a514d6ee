"""Dependencies of routes: the database and the settings of the app."""

from typing import Annotated

from fastapi import Depends, Request

from api.db.database import Database
from shared.api_settings import ApiSettings


async def open_database(request: Request) -> Database:
    """Return the database, whole: for health alone. Other routes take VehicleData or FleetData."""
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


OpenDatabase = Annotated[Database, Depends(open_database)]
LoadedSettings = Annotated[ApiSettings, Depends(_settings)]
