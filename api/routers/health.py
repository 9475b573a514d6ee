"""Health of the service and of its database, open to all clients without a key."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.db.errors import DatabaseAwayError
from api.http.authorisation import ClassifiedRoute, open_to_all
from api.http.dependencies import OpenDatabase
from api.schemas.vehicles import Health, Liveness

router = APIRouter(prefix="/api/health", tags=["health"], route_class=ClassifiedRoute)

_DOWN = {"status": "DEGRADED", "db": "DOWN"}


@router.get(
    "",
    response_model=Health,
    responses={503: {"model": Health, "content": {"application/json": {"example": _DOWN}}}},
)
@open_to_all
async def health(database: OpenDatabase) -> JSONResponse:
    """Check whether the database answers: 200, or 503 within 3 seconds."""
    try:
        await database.ping()
    except DatabaseAwayError:
        return JSONResponse(_DOWN, status_code=503)
    return JSONResponse({"status": "OK", "db": "OK"})


@router.head("", include_in_schema=False)
@open_to_all
async def health_head(database: OpenDatabase) -> JSONResponse:
    """Check the database for monitors that send HEAD."""
    return await health(database)


@router.get("/live")
@open_to_all
async def live() -> Liveness:
    """Confirm that this process answers; the database is not involved."""
    return Liveness(status="OK")
