"""The caller's own key: its name, role and vehicles."""

from fastapi import APIRouter, Request

from api.http.authorisation import ClassifiedRoute, requires_key
from api.http.call_trace import trace_of
from api.http.caller import ANYBODY
from api.schemas.access import CallerOut
from shared.access.role import RIGHTS

router = APIRouter(prefix="/api/me", tags=["access"], route_class=ClassifiedRoute)


@router.get("")
@requires_key
async def own_key(request: Request) -> CallerOut:
    """Return name, role and vehicles of the key of this call; a dashboard offers what they permit."""
    caller = trace_of(request.scope).caller or ANYBODY
    return CallerOut(
        name=caller.name,
        role=caller.role,
        rights=sorted(RIGHTS[caller.role]),
        vins=list(caller.patterns),
        groups=list(caller.groups),
        expires_at=caller.expires_at,
    )
