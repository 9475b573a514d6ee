"""Alerts of the whole fleet."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.pagination import (
    ANY_OF,
    Limit,
    ListQuery,
    NextToken,
    Page,
    any_of,
    make_token,
    page_response,
    resume,
)
from api.http.problems import problem_responses
from api.http.scoped_data import FleetData
from api.queries.alert_suspects import suspects
from api.schemas.diagnostics import FleetAlert
from api.services.fleet_alerts import FleetAlerts, Key
from shared.access.role import Right
from shared.diagnostics.alerts import AlertCode, Severity

router = APIRouter(prefix="/api/alerts", tags=["alerts"], route_class=ClassifiedRoute)


class AlertsQuery(ListQuery):
    """Parameters of `GET /api/alerts`."""

    list: Literal["alerts"] = "alerts"
    min_severity: Severity | None
    code: tuple[AlertCode, ...] | None
    after: Key | None = None


@router.get("", response_model=Page[FleetAlert], responses=problem_responses(400, 401, 422, 503))
@requires(Right.READ)
async def fleet_alerts(
    *,
    fleet: FleetData,
    settings: LoadedSettings,
    min_severity: Annotated[Severity | None, Query(description="This severity and worse")] = None,
    code: Annotated[list[AlertCode] | None, Query(description=ANY_OF)] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Response:
    """List the alerts of every vehicle's newest values, the worst first, then by VIN and code."""
    query = resume(
        next_token,
        AlertsQuery(scope=fleet.scope.mark, min_severity=min_severity, code=any_of(code), limit=limit),
    )
    found = await fleet.read(suspects, settings.alert_thresholds)
    if found is None:
        return page_response([], None)
    found_alerts = FleetAlerts(
        found,
        settings.alert_thresholds,
        codes=query.code or tuple(AlertCode),
        min_severity=query.min_severity or Severity.INFO,
    )
    page, last = found_alerts.page(query.after, query.page_size)
    return page_response(page, None if last is None else make_token(query, last))
