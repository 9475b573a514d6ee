"""Metrics for Prometheus, served without the database."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.problems import problem_responses

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=PlainTextResponse, responses=problem_responses(401))
async def scrape(request: Request) -> Response:
    """Return counters and gauges of this service since its start, in the text format of Prometheus."""
    return Response(request.app.state.process_metrics.text(), media_type=CONTENT_TYPE_LATEST)
