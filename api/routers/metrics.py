"""What Prometheus collects. The database is not asked."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.errors import problem_responses
from api.metrics import LoadedMetrics

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=PlainTextResponse, responses=problem_responses(401))
async def scrape(metrics: LoadedMetrics) -> Response:
    """What this process has counted since it started, in the text format of Prometheus."""
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
