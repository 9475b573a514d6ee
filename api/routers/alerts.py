"""Alerts of the whole fleet."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.http.dependencies import LoadedSettings, OpenDatabase
from api.http.pagination import (
    ANY_OF,
    Limit,
    ListQuery,
    NextToken,
    Page,
    any_of,
    cut_page,
    page_response,
    resume,
)
from api.http.problems import problem_responses
from api.queries.alert_suspects import suspects
from api.schemas.diagnostics import FleetAlert
from api.serializers import vehicle_state
from shared.diagnostics.alerts import AlertCode, Severity

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

_WORST_FIRST = [*reversed(Severity)]


class AlertsQuery(ListQuery):
    """Parameters of `GET /api/alerts`."""

    list: Literal["alerts"] = "alerts"
    min_severity: Severity | None
    code: tuple[AlertCode, ...] | None
    after: tuple[int, str, AlertCode] | None = None


def _sort_key(alert: dict[str, Any]) -> tuple[int, str, AlertCode]:
    return _WORST_FIRST.index(alert["severity"]), alert["vin"], alert["code"]


@router.get("", response_model=Page[FleetAlert], responses=problem_responses(400, 401, 422, 503))
async def fleet_alerts(
    *,
    database: OpenDatabase,
    settings: LoadedSettings,
    min_severity: Annotated[Severity | None, Query(description="This severity and worse")] = None,
    code: Annotated[list[AlertCode] | None, Query(description=ANY_OF)] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Response:
    """List the alerts of every vehicle's newest values, the worst first, then by VIN and code."""
    query = resume(next_token, AlertsQuery(min_severity=min_severity, code=any_of(code), limit=limit))
    codes = query.code or tuple(AlertCode)
    mildest = _WORST_FIRST.index(query.min_severity or Severity.INFO)
    found = []
    for row in await database.read(suspects, settings.alert_thresholds):
        state = vehicle_state(row, settings.alert_thresholds)
        found += [
            {"vin": state["vin"], "ts": state["ts"], **alert}
            for alert in state["alerts"]
            if _WORST_FIRST.index(alert["severity"]) <= mildest and alert["code"] in codes
        ]
    return page_response(*cut_page(found, _sort_key, query))
