"""Rejections: listed, shown, replayed, deleted."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.pagination import Limit, ListQuery, NextToken, Page, make_token, resume
from api.http.problems import ProblemError, problem_responses, respond
from api.http.query_times import QueryTime
from api.http.scoped_data import FleetData
from api.http.uuid_path import uuid_in_path
from api.queries import scoped_rejections
from api.schemas.vehicles import RejectionOut, RejectionWithPayload, ReplayResult
from shared.access.role import Right
from shared.rejections.model import Filter
from shared.rejections.replay import ReplayRefusedError, birth_node, decode_again
from shared.sources.mapping_file import sources_of
from shared.sources.mistake import MappingError
from shared.wire.reading import VIN_PATTERN
from shared.wire.refusal import Reason

router = APIRouter(prefix="/api/rejections", tags=["rejections"], route_class=ClassifiedRoute)


def _unknown() -> ProblemError:
    return ProblemError(404, "No rejection has this id; it may have been replayed, or past its retention.")


_BY_ID = "/{id}"
RejectionId = Annotated[UUID, Depends(uuid_in_path(_unknown))]


class RejectionsQuery(ListQuery):
    """Parameters of `GET /api/rejections`."""

    defaults: ClassVar[dict[str, object]] = {"order": "desc"}

    list: Literal["rejections"] = "rejections"
    reason: Reason | None
    vin: str | None
    since: AwareDatetime | None
    order: Literal["asc", "desc"] | None
    after: tuple[AwareDatetime, UUID] | None = None


@router.get("", responses=problem_responses(400, 401, 422, 503))
@requires(Right.OPERATE)
async def list_page(
    *,
    fleet: FleetData,
    reason: Reason | None = None,
    vin: Annotated[str | None, Query(pattern=VIN_PATTERN)] = None,
    since: Annotated[QueryTime | None, Query(description="Only rejections received then or later")] = None,
    order: Annotated[
        Literal["asc", "desc"] | None, Query(description="By received_at; default desc: newest first")
    ] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Page[RejectionOut]:
    """List messages and readings that could not be stored, with the reasons, without the payloads."""
    arguments = RejectionsQuery(
        scope=fleet.scope.mark,
        reason=reason,
        vin=vin.upper() if vin else None,
        since=since,
        order=order,
        limit=limit,
    )
    query = resume(next_token, arguments)
    rows = await fleet.read_blocking(
        scoped_rejections.page,
        Filter(query.reason, query.vin, query.since),
        after=query.after,
        descending=query.order != "asc",
        limit=query.page_size + 1,
    )
    more = len(rows) > query.page_size
    last = rows[query.page_size - 1] if more else None
    return Page(
        items=[RejectionOut.of(row) for row in rows[: query.page_size]],
        next=make_token(query, (last["received_at"], last["id"])) if last is not None else None,
    )


@router.get(_BY_ID, responses=problem_responses(401, 404, 503))
@requires(Right.OPERATE)
async def show(rejection_id: RejectionId, fleet: FleetData) -> RejectionWithPayload:
    """Return one rejection with its payload: as text in `payload`, or else in `payload_base64`."""
    row = await fleet.read_blocking(scoped_rejections.find, rejection_id)
    if row is None:
        raise _unknown()
    return RejectionWithPayload.of(row)


def _replay_responses() -> dict[int | str, dict[str, Any]]:
    responses = problem_responses(401, 404, 409, 422, 503)
    responses[409]["description"] = "A signal has another value in the stored row of the same vin and ts"
    responses[422]["description"] = (
        "The content is refused again; errors names each bad reading and the reason"
    )
    return responses


@router.post(_BY_ID + "/replay", response_model=ReplayResult, responses=_replay_responses())
@requires(Right.OPERATE)
async def replay(rejection_id: RejectionId, fleet: FleetData, settings: LoadedSettings) -> Any:
    """Replay a rejection with the present code, settings and mapping; once stored, the rejection is deleted.

    If a reading is refused again, none is stored, the rejection stays, and the answer gives the reason: 409
    where all refusals are conflicts with stored readings, 422 otherwise.
    """
    kept = await fleet.read_blocking(scoped_rejections.find, rejection_id)
    if kept is None:
        raise _unknown()
    latest = datetime.now(UTC) + timedelta(seconds=settings.max_future_skew_s)
    try:
        # Read for each replay: the file may have been mended since the start.
        sources = await to_thread.run_sync(sources_of, settings.mqtt_sources)
        node = birth_node(kept, sources)
        birth = None if node is None else await fleet.read_blocking(scoped_rejections.birth, node)
        again = partial(decode_again, kept, latest=latest, sources=sources, birth=birth)
        decoded = await to_thread.run_sync(again)
        # With the mapping of today the payload may be that of another vehicle.
        status = [] if decoded.status is None else [decoded.status]
        fleet.require_all([*decoded.rows, *status])
        replayed = await fleet.change(
            kept["vin"] or None, scoped_rejections.store_again, rejection_id, decoded
        )
    except ReplayRefusedError as refused:
        return _refused(refused)
    except MappingError as mistake:
        raise ProblemError(503, f"MQTT_SOURCES names a file that can't be used: {mistake}") from None
    if replayed is None:
        raise _unknown()
    return ReplayResult(stored=replayed.stored, duplicate=replayed.duplicate)


def _refused(refused: ReplayRefusedError) -> Response:
    if refused.is_conflict:
        return respond(409, str(refused))
    errors = [
        {
            "loc": ["payload"] if refusal.index is None else ["payload", refusal.index],
            "msg": refusal.detail,
            "type": refusal.reason,
        }
        for refusal in refused.refusals
    ]
    return respond(422, str(refused), errors=errors)


@router.delete(_BY_ID, status_code=204, responses=problem_responses(401, 404, 503))
@requires(Right.OPERATE)
async def delete(rejection_id: RejectionId, fleet: FleetData) -> None:
    """Delete a rejection for good, with its payload."""
    kept = await fleet.read_blocking(scoped_rejections.find, rejection_id)
    if kept is None or not await fleet.change(kept["vin"] or None, scoped_rejections.delete, rejection_id):
        raise _unknown()
