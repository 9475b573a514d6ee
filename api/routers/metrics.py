"""Metrics for Prometheus, served without the database."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.authorisation import ClassifiedRoute, requires
from api.http.problems import problem_responses
from shared.access.role import Right

router = APIRouter(tags=["metrics"], route_class=ClassifiedRoute)


@router.get("/metrics", response_class=PlainTextResponse, responses=problem_responses(401))
@requires(Right.READ, needs_whole_fleet=True, has_no_vehicle_data=True)
async def scrape(request: Request) -> Response:
    """Return counters and gauges of this service since its start, in the text format of Prometheus."""
    return Response(request.app.state.process_metrics.text(), media_type=CONTENT_TYPE_LATEST)
