"""Episodes of the whole fleet: listed, shown, acknowledged, noted on, muted."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel

from api.http.authorisation import ClassifiedRoute, requires
from api.http.json_body import body_error, parse_model, require_json
from api.http.pagination import (
    ANY_OF,
    GroupFilter,
    Limit,
    ListQuery,
    NextToken,
    Page,
    any_of,
    make_token,
    resume,
)
from api.http.problems import ProblemError, problem_responses
from api.http.query_times import QueryTime, require_order
from api.http.scoped_data import FleetData, WholeScope
from api.http.uuid_path import uuid_in_path
from api.queries.episode_actions import act
from api.queries.episode_list import EpisodeFilter, episode, list_episodes, sent_messages
from api.schemas.episode import (
    Acknowledgement,
    EpisodeCode,
    EpisodeItem,
    EpisodeWithMessages,
    Muting,
    NewNote,
)
from shared.access.role import Right
from shared.diagnostics.alerts import Severity
from shared.episodes import actions
from shared.wire.reading import VIN_PATTERN

router = APIRouter(prefix="/api/episodes", tags=["episodes"], route_class=ClassifiedRoute)

B = TypeVar("B", bound=BaseModel)

State = Literal["open", "closed", "all"]
_VIN_PART = "^[A-Za-z0-9-]{1,40}$"


def _unknown() -> ProblemError:
    return ProblemError(404, "No episode has this id; it may be past its retention.")


_BY_ID = "/{id}"
EpisodeId = Annotated[UUID, Depends(uuid_in_path(_unknown))]


class EpisodesQuery(ListQuery):
    """Parameters of `GET /api/episodes`."""

    list: Literal["episodes"] = "episodes"
    state: State | None
    min_severity: Severity | None
    code: tuple[str, ...] | None
    vin: str | None
    vin_prefix: str | None
    group: str | None
    acknowledged: bool | None
    from_ts: AwareDatetime | None
    to_ts: AwareDatetime | None
    since: AwareDatetime | None
    after: tuple[AwareDatetime, UUID] | None = None


@router.get("", responses=problem_responses(400, 401, 422, 503))
@requires(Right.READ)
async def fleet_episodes(
    *,
    data: FleetData,
    state: Annotated[State | None, Query(description="Default all")] = None,
    min_severity: Annotated[Severity | None, Query(description="This severity and worse")] = None,
    code: Annotated[list[EpisodeCode] | None, Query(description=ANY_OF)] = None,
    vin: Annotated[str | None, Query(pattern=VIN_PATTERN)] = None,
    vin_prefix: Annotated[str | None, Query(pattern=_VIN_PART)] = None,
    group: GroupFilter = None,
    acknowledged: bool | None = None,
    from_ts: Annotated[QueryTime | None, Query(description="Only episodes that did not end before")] = None,
    to_ts: Annotated[QueryTime | None, Query(description="Only episodes that began by then")] = None,
    since: Annotated[
        QueryTime | None,
        Query(description="Only those that opened, got worse or ended after this moment of our clock"),
    ] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Page[EpisodeItem]:
    """List the episodes of all vehicles, the newest first by `started_at`.

    `from_ts` and `to_ts` are of the vehicles' clocks, `since` of ours. Episodes that late readings disproved
    are listed with `since` only, as withdrawn.
    """
    require_order(from_ts, to_ts)
    arguments = EpisodesQuery(
        scope=data.scope.mark,
        state=state,
        min_severity=min_severity,
        code=any_of([str(each) for each in code] if code else None),
        vin=vin.upper() if vin else None,
        vin_prefix=vin_prefix.upper() if vin_prefix else None,
        group=group,
        acknowledged=acknowledged,
        from_ts=from_ts,
        to_ts=to_ts,
        since=since,
        limit=limit,
    )
    query = resume(next_token, arguments)
    names = EpisodeFilter.__dataclass_fields__
    wanted = EpisodeFilter(
        **{name: getattr(query, name) for name in names if name != "state"}, state=query.state or "all"
    )
    rows = await data.read(list_episodes, wanted, after=query.after, limit=query.page_size + 1)
    page = rows[: query.page_size]
    last = page[-1] if len(rows) > len(page) else None
    return Page(
        items=[EpisodeItem.of(row, query.since) for row in page],
        next=None if last is None else make_token(query, (last["started_at"], last["id"])),
    )


@router.get(_BY_ID, responses=problem_responses(401, 404, 503))
@requires(Right.READ)
async def one_episode(episode_id: EpisodeId, data: FleetData) -> EpisodeWithMessages:
    """Return one episode with its notes and with what was sent of it."""
    row = await data.read(episode, episode_id)
    if row is None:
        raise _unknown()
    return EpisodeWithMessages.with_messages(row, await data.read(sent_messages, row["vin"], episode_id))


def _body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    }


_REFUSALS = problem_responses(401, 404, 413, 415, 422, 503)


@router.post(
    _BY_ID + "/acknowledge",
    responses=_REFUSALS,
    openapi_extra=_body(Acknowledgement, {"by": "Ana", "note": "The car stands in the yard."}),
)
@requires(Right.OPERATE)
async def acknowledge(episode_id: EpisodeId, request: Request, data: FleetData) -> EpisodeItem:
    """Acknowledge an episode: its messages are repeated no longer. A THERMAL_EVENT ends only by this.

    An acknowledged episode keeps the first name and time; a note is added.
    """
    body = await _parsed(request, Acknowledgement)
    return await _acted(data, episode_id, actions.acknowledge, by=body.by, note=body.note)


@router.post(
    _BY_ID + "/notes", responses=_REFUSALS, openapi_extra=_body(NewNote, {"by": "Ana", "text": "Called."})
)
@requires(Right.OPERATE)
async def add_note(episode_id: EpisodeId, request: Request, data: FleetData) -> EpisodeItem:
    """Add a note to an episode."""
    body = await _parsed(request, NewNote)
    return await _acted(data, episode_id, actions.add_note, by=body.by, text=body.text)


@router.post(
    _BY_ID + "/mute",
    responses=_REFUSALS,
    openapi_extra=_body(Muting, {"by": "Ana", "until": "2040-01-26T08:00:00Z"}),
)
@requires(Right.OPERATE)
async def mute(episode_id: EpisodeId, request: Request, data: FleetData) -> EpisodeItem:
    """Mute the repetition of an episode's messages until a moment; null ends that."""
    body = await _parsed(request, Muting)
    if body.until is not None and body.until <= datetime.now(UTC):
        raise body_error(("until",), "must lie in the future", "date_past")
    return await _acted(data, episode_id, actions.mute, by=body.by, until=body.until)


async def _parsed(request: Request, model: type[B]) -> B:
    require_json(request)
    return parse_model(await request.body(), model)


async def _acted(
    data: WholeScope, episode_id: UUID, action: Callable[..., Any], **arguments: Any
) -> EpisodeItem:
    before = await data.read(episode, episode_id)
    if before is None:
        raise _unknown()
    now = datetime.now(UTC)
    if not await data.change(before["vin"], act, action, episode_id, now=now, **arguments):
        raise _unknown()
    row = await data.read(episode, episode_id)
    if row is None:
        raise _unknown()
    return EpisodeItem.of(row)
