"""The audit, for admins."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.http.authorisation import ClassifiedRoute, requires
from api.http.pagination import Limit, ListQuery, NextToken, Page, make_token, resume
from api.http.problems import problem_responses
from api.http.query_times import QueryTime
from api.http.scoped_data import FleetData
from api.queries import audit_entries
from api.schemas.access import AuditEntryOut
from shared.access.audit_table import AuditFilter, Outcome
from shared.access.role import Right
from shared.wire.reading import VIN_PATTERN

router = APIRouter(prefix="/api/audit", tags=["access"], route_class=ClassifiedRoute)


class AuditQuery(ListQuery):
    """Parameters of `GET /api/audit`."""

    list: Literal["audit"] = "audit"
    key_name: str | None
    vin: str | None
    outcome: Outcome | None
    since: AwareDatetime | None
    after: tuple[AwareDatetime, int] | None = None


@router.get("", responses=problem_responses(400, 422, 503))
@requires(Right.ADMINISTER)
async def list_page(
    *,
    data: FleetData,
    key_name: Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] = None,
    vin: Annotated[str | None, Query(pattern=VIN_PATTERN)] = None,
    outcome: Outcome | None = None,
    since: Annotated[QueryTime | None, Query(description="Only entries from then on")] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Page[AuditEntryOut]:
    """List changes (profile, replay, deletion, keys) and refused calls, the newest first."""
    arguments = AuditQuery(
        scope=data.scope.mark,
        key_name=key_name,
        vin=vin.upper() if vin else None,
        outcome=outcome,
        since=since,
        limit=limit,
    )
    query = resume(next_token, arguments)
    rows = await data.read_blocking(
        audit_entries.page,
        AuditFilter(query.key_name, query.vin, query.outcome, query.since),
        after=query.after,
        limit=query.page_size + 1,
    )
    last = rows[query.page_size - 1] if len(rows) > query.page_size else None
    return Page(
        items=[AuditEntryOut.model_validate(dict(row)) for row in rows[: query.page_size]],
        next=make_token(query, (last["at"], last["id"])) if last is not None else None,
    )
