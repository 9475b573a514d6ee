"""What a vehicle's past readings say: what was wrong, what it did, how its battery ages.

All of it is computed from the stored readings when it is asked for, so the order they came in never matters.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from api.db.database import OpenDatabase
from api.http.pagination import ANY_OF, Limit, NextToken, WindowQuery, any_of, cut_page, resume
from api.http.problems import problem_responses
from api.http.query_times import QueryTime
from api.http.vin_path import Vin, normal_vin
from api.queries import extent
from api.schemas.battery import BatteryHealth
from api.schemas.diagnostics import Anomalies, EpisodeOut, SessionOut, Sessions, SkippedOut, VehicleDiagnosis
from api.services.diagnosis import MOST_READINGS, Analysis, Diagnosis, Margin, OpenDiagnosisRunner, Window
from shared.diagnostics.alerts import Severity
from shared.diagnostics.battery import battery
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace, moment
from shared.vehicle_profile import Profile

router = APIRouter(prefix="/api/vehicles", tags=["diagnostics"])

T = TypeVar("T")

_USUAL = timedelta(days=30)
_USUAL_OF_BATTERY = timedelta(days=366)
_SEVERITIES = list(Severity)
# SOH_LOW asks for a median of 7 days on 3 days.
_OF_EPISODES = Margin(timedelta(days=10), timedelta(days=1))
_OF_SESSIONS = Margin(timedelta(days=1), timedelta(days=1))

From = Annotated[
    QueryTime | None,
    Query(
        description=f"RFC 3339; by default some days before the end, and at most {MOST_READINGS:,} readings"
    ),
]
To = Annotated[QueryTime | None, Query(description="RFC 3339; by default the newest reading")]
Order = Annotated[Literal["asc", "desc"] | None, Query(description="By started_at; asc by default")]


class AnomaliesQuery(WindowQuery):
    """What `GET /api/vehicles/{vin}/anomalies` was asked for."""

    list: Literal["anomalies"] = "anomalies"
    code: tuple[Code, ...] | None
    min_severity: Severity | None
    after: tuple[AwareDatetime, Code] | None = None


class SessionsQuery(WindowQuery):
    """What `GET /api/vehicles/{vin}/sessions` was asked for."""

    list: Literal["sessions"] = "sessions"
    kind: tuple[Kind, ...] | None
    after: AwareDatetime | None = None


@router.get("/{vin}/anomalies", responses=problem_responses(400, 401, 404, 422, 503))
async def anomalies(
    *,
    vin: Vin,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    code: Annotated[list[Code] | None, Query(description=ANY_OF)] = None,
    min_severity: Annotated[Severity | None, Query(description="This one and worse")] = None,
    order: Order = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Anomalies:
    """Episodes by all rules that touch the window, and which rules could not be judged, and why.

    Readings up to 10 days before the window and a day behind it are read too: what reaches no further is
    shown whole. Without from_ts: 30 days.
    """
    asked = AnomaliesQuery(
        vin=normal_vin(vin),
        from_ts=from_ts,
        to_ts=to_ts,
        code=any_of(code),
        min_severity=min_severity,
        order=order,
        limit=limit,
    )
    query = resume(next_token, asked)
    window = Window(query.from_ts, query.to_ts)
    seen = await diagnoses.of(request, query.vin, window, _episodes(query.code), back=_USUAL)
    return _anomalies(query, seen)


@router.get("/{vin}/sessions", responses=problem_responses(400, 401, 404, 422, 503))
async def vehicle_sessions(
    *,
    vin: Vin,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    kind: Annotated[list[Kind] | None, Query(description=ANY_OF)] = None,
    order: Order = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Sessions:
    """Drives, charges and what must have happened in gaps, where they touch the window.

    A session that reaches up to a day beyond the window is shown whole. Without from_ts: 30 days.
    """
    asked = SessionsQuery(
        vin=normal_vin(vin),
        from_ts=from_ts,
        to_ts=to_ts,
        kind=any_of(kind),
        order=order,
        limit=limit,
    )
    query = resume(next_token, asked)
    window = Window(query.from_ts, query.to_ts)
    seen = await diagnoses.of(request, query.vin, window, _sessions(), back=_USUAL)
    return _sessions_page(query, seen)


@router.get("/{vin}/diagnosis", responses=problem_responses(400, 401, 404, 422, 503))
async def vehicle_diagnosis(
    *,
    vin: Vin,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    order: Order = None,
    limit: Limit = None,
) -> VehicleDiagnosis:
    """Anomalies and sessions of a window in one answer, for which its readings are read once.

    Each part is what its own call answers, and its `next` is asked on there. Without from_ts: 30 days.
    """
    asked: dict[str, Any] = {
        "vin": normal_vin(vin),
        "from_ts": from_ts,
        "to_ts": to_ts,
        "order": order,
        "limit": limit,
    }
    window = Window(from_ts, to_ts)
    found, did = await diagnoses.of_both(
        request, asked["vin"], window, _episodes(None), _sessions(), back=_USUAL
    )
    return VehicleDiagnosis(
        anomalies=_anomalies(AnomaliesQuery(**asked, code=None, min_severity=None), found),
        sessions=_sessions_page(SessionsQuery(**asked, kind=None), did),
    )


@router.get("/{vin}/battery", responses=problem_responses(400, 401, 404, 422, 503))
async def battery_health(
    *,
    vin: Vin,
    request: Request,
    database: OpenDatabase,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
) -> BatteryHealth:
    """Use and health of the battery: each figure, or what it lacks. Without from_ts: a year."""
    vin = normal_vin(vin)
    analysis = Analysis("battery", battery)
    seen = await diagnoses.of(request, vin, Window(from_ts, to_ts), analysis, back=_USUAL_OF_BATTERY)
    window = seen.from_ts, seen.to_ts
    return BatteryHealth.of(
        vin,
        *window,
        seen.found,
        duplicates=await database.read(extent.duplicate_count, vin, *window),
        rejected=await database.read(extent.rejection_count, vin, *window),
    )


def _episodes(code: tuple[Code, ...] | None) -> Analysis[tuple[list[Episode], list[Skipped]]]:
    codes = code or tuple(Code)

    def judge(trace: Trace, profile: Profile) -> tuple[list[Episode], list[Skipped]]:
        return episodes(trace, profile, codes)

    return Analysis(("episodes", codes), judge, _OF_EPISODES)


def _anomalies(query: AnomaliesQuery, seen: Diagnosis[tuple[list[Episode], list[Skipped]]]) -> Anomalies:
    found, skipped = seen.found
    mildest = _SEVERITIES.index(query.min_severity or Severity.INFO)
    touching = [
        episode
        for episode in found
        if episode.started_at <= seen.to_ts
        and (episode.ended_at is None or episode.ended_at >= seen.from_ts)
        and _SEVERITIES.index(episode.severity) >= mildest
    ]
    page, about = _page(query, seen, touching, _start_and_code)
    return Anomalies(
        **about,
        items=[
            EpisodeOut.of(episode, trace_starts_mid_history=seen.trace_starts_mid_history) for episode in page
        ],
        skipped=[SkippedOut.of(each) for each in skipped],
    )


def _sessions() -> Analysis[list[Session]]:
    return Analysis("sessions", sessions, _OF_SESSIONS)


def _sessions_page(query: SessionsQuery, seen: Diagnosis[list[Session]]) -> Sessions:
    begin, end = seen.from_ts.timestamp(), seen.to_ts.timestamp()
    kinds = query.kind or tuple(Kind)
    touching = [
        session
        for session in seen.found
        if session.start <= end and session.end >= begin and session.kind in kinds
    ]
    page, about = _page(query, seen, touching, _start)
    return Sessions(
        **about, items=[SessionOut.of(session, last_reading_at=seen.last_reading_at) for session in page]
    )


def _page(
    query: WindowQuery, seen: Diagnosis[Any], touching: Sequence[T], key: Callable[[T], Any]
) -> tuple[Sequence[T], dict[str, Any]]:
    """The page that was asked for, and what its answer says of the window and of the page behind it.

    The token keeps the window that was found for open ends: readings that arrive meanwhile don't move it.
    """
    query = query.model_copy(update={"from_ts": seen.from_ts, "to_ts": seen.to_ts})
    page, token = cut_page(touching, key, query, descending=query.is_descending)
    about = {
        "vin": query.vin,
        "from_ts": seen.from_ts,
        "to_ts": seen.to_ts,
        "read_from_ts": seen.read_from_ts,
        "read_to_ts": seen.read_to_ts,
        "next": token,
    }
    return page, about


def _start_and_code(episode: Episode) -> tuple[datetime, Code]:
    return episode.started_at, episode.code


def _start(session: Session) -> datetime:
    return moment(session.start)
