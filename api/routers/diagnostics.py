"""Diagnoses from a vehicle's past readings: anomalies, sessions, health of the battery.

Every diagnosis is computed from the stored readings on request, so their order of arrival does not matter.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from api.http.authorisation import ClassifiedRoute, requires
from api.http.pagination import ANY_OF, Limit, NextToken, WindowQuery, any_of, cut_page, resume
from api.http.problems import problem_responses
from api.http.query_times import QueryTime
from api.http.scoped_data import VehicleData
from api.queries import extent
from api.schemas.battery import BatteryHealth
from api.schemas.diagnostics import Anomalies, EpisodeOut, SessionOut, Sessions, SkippedOut, VehicleDiagnosis
from api.services.diagnosis import Analysis, Diagnosis, OpenDiagnosisRunner, Window
from shared.access.role import Right
from shared.diagnostics.alerts import Severity
from shared.diagnostics.battery import Battery, battery
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace, moment
from shared.episodes.judged_window import MARGIN, MAX_READINGS, PERIOD, Margin, touches
from shared.vehicle_profile import Profile

router = APIRouter(prefix="/api/vehicles", tags=["diagnostics"], route_class=ClassifiedRoute)

T = TypeVar("T")

_DEFAULT_BATTERY_PERIOD = timedelta(days=366)
_TREND_PERIOD = timedelta(days=36_525)
"""All that is stored, up to the most readings of a window."""
_HALF_US = 5e-7
_SEVERITIES = list(Severity)
_SESSIONS_MARGIN = Margin(timedelta(days=1), timedelta(days=1))

From = Annotated[
    QueryTime | None,
    Query(
        description=f"RFC 3339; by default some days before the end, with at most {MAX_READINGS:,} readings"
    ),
]
To = Annotated[QueryTime | None, Query(description="RFC 3339; by default the newest reading")]
Order = Annotated[Literal["asc", "desc"] | None, Query(description="By started_at; default asc")]


class AnomaliesQuery(WindowQuery):
    """Parameters of `GET /api/vehicles/{vin}/anomalies`."""

    list: Literal["anomalies"] = "anomalies"
    code: tuple[Code, ...] | None
    min_severity: Severity | None
    after: tuple[AwareDatetime, Code] | None = None


class SessionsQuery(WindowQuery):
    """Parameters of `GET /api/vehicles/{vin}/sessions`."""

    list: Literal["sessions"] = "sessions"
    kind: tuple[Kind, ...] | None
    after: AwareDatetime | None = None


@router.get("/{vin}/anomalies", responses=problem_responses(400, 401, 404, 422, 503))
@requires(Right.READ, is_costly=True)
async def anomalies(
    *,
    vehicle: VehicleData,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    code: Annotated[list[Code] | None, Query(description=ANY_OF)] = None,
    min_severity: Annotated[Severity | None, Query(description="This severity and worse")] = None,
    order: Order = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Anomalies:
    """List the episodes that touch the window, and the rules that could not be evaluated, with the reasons.

    Readings up to 10 days before the window and a day after it are read too: an episode that reaches no
    further is shown whole. Without from_ts: 30 days.
    """
    arguments = AnomaliesQuery(
        scope=vehicle.scope.mark,
        vin=vehicle.vin,
        from_ts=from_ts,
        to_ts=to_ts,
        code=any_of(code),
        min_severity=min_severity,
        order=order,
        limit=limit,
    )
    query = resume(next_token, arguments)
    window = Window(query.from_ts, query.to_ts)
    diagnosis = await diagnoses.run(request, vehicle, window, _episodes(query.code), back=PERIOD)
    return _anomalies(query, diagnosis)


@router.get("/{vin}/sessions", responses=problem_responses(400, 401, 404, 422, 503))
@requires(Right.READ, is_costly=True)
async def vehicle_sessions(
    *,
    vehicle: VehicleData,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    kind: Annotated[list[Kind] | None, Query(description=ANY_OF)] = None,
    order: Order = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Sessions:
    """List the drives, charges, discharges and standby, read or inferred, that touch the window.

    A session that reaches up to a day beyond the window is shown whole. Without from_ts: 30 days.
    """
    arguments = SessionsQuery(
        scope=vehicle.scope.mark,
        vin=vehicle.vin,
        from_ts=from_ts,
        to_ts=to_ts,
        kind=any_of(kind),
        order=order,
        limit=limit,
    )
    query = resume(next_token, arguments)
    window = Window(query.from_ts, query.to_ts)
    diagnosis = await diagnoses.run(request, vehicle, window, _sessions(), back=PERIOD)
    return _sessions_page(query, diagnosis)


@router.get("/{vin}/diagnosis", responses=problem_responses(400, 401, 404, 422, 503))
@requires(Right.READ, is_costly=True)
async def vehicle_diagnosis(
    *,
    vehicle: VehicleData,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
    order: Order = None,
    limit: Limit = None,
) -> VehicleDiagnosis:
    """Return anomalies and sessions of a window in one answer, for which its readings are read once.

    Each part is the answer of its own call, which takes the part's `next`. Without from_ts: 30 days.
    """
    arguments: dict[str, Any] = {
        "scope": vehicle.scope.mark,
        "vin": vehicle.vin,
        "from_ts": from_ts,
        "to_ts": to_ts,
        "order": order,
        "limit": limit,
    }
    window = Window(from_ts, to_ts)
    anomalies_found, sessions_found = await diagnoses.run_both(
        request, vehicle, window, _episodes(None), _sessions(), back=PERIOD
    )
    return VehicleDiagnosis(
        anomalies=_anomalies(AnomaliesQuery(**arguments, code=None, min_severity=None), anomalies_found),
        sessions=_sessions_page(SessionsQuery(**arguments, kind=None), sessions_found),
    )


@router.get("/{vin}/battery", responses=problem_responses(400, 401, 404, 422, 503))
@requires(Right.READ, is_costly=True)
async def battery_health(
    *,
    vehicle: VehicleData,
    request: Request,
    diagnoses: OpenDiagnosisRunner,
    from_ts: From = None,
    to_ts: To = None,
) -> BatteryHealth:
    """Return use and health of the battery: each figure, or the data it lacks.

    Without from_ts: a year; the trends of soh, resistance and capacity then look at all that is stored, too.
    """
    analysis = _battery(to_ts) if from_ts is None else Analysis("battery", battery)
    diagnosis = await diagnoses.run(request, vehicle, Window(from_ts, to_ts), analysis, back=_TREND_PERIOD)
    begin = diagnosis.from_ts
    if from_ts is None and diagnosis.to_ts - begin > _DEFAULT_BATTERY_PERIOD:
        begin = diagnosis.to_ts - _DEFAULT_BATTERY_PERIOD
    window = begin, diagnosis.to_ts
    return BatteryHealth.of(
        vehicle.vin,
        *window,
        diagnosis.result,
        duplicates=await vehicle.read(extent.duplicate_count, *window),
        rejected=await vehicle.read(extent.rejection_count, *window),
    )


def _battery(to_ts: datetime | None) -> Analysis[Battery]:
    def find(trace: Trace, profile: Profile) -> Battery:
        until = to_ts.timestamp() if to_ts else trace.until
        return battery(trace, profile, until - _DEFAULT_BATTERY_PERIOD.total_seconds() - _HALF_US)

    return Analysis(("battery", to_ts), find)


def _episodes(code: tuple[Code, ...] | None) -> Analysis[tuple[list[Episode], list[Skipped]]]:
    codes = code or tuple(Code)

    def find(trace: Trace, profile: Profile) -> tuple[list[Episode], list[Skipped]]:
        return episodes(trace, profile, codes)

    return Analysis(("episodes", codes), find, MARGIN)


def _anomalies(query: AnomaliesQuery, diagnosis: Diagnosis[tuple[list[Episode], list[Skipped]]]) -> Anomalies:
    found, skipped = diagnosis.result
    mildest = _SEVERITIES.index(query.min_severity or Severity.INFO)
    touching = [
        episode
        for episode in found
        if touches(episode, diagnosis.from_ts, diagnosis.to_ts)
        and _SEVERITIES.index(episode.severity) >= mildest
    ]
    page, window_fields = _page(query, diagnosis, touching, _start_and_code)
    return Anomalies(
        **window_fields,
        items=[
            EpisodeOut.of(episode, trace_starts_mid_history=diagnosis.trace_starts_mid_history)
            for episode in page
        ],
        skipped=[SkippedOut.of(each) for each in skipped],
    )


def _sessions() -> Analysis[list[Session]]:
    return Analysis("sessions", sessions, _SESSIONS_MARGIN)


def _sessions_page(query: SessionsQuery, diagnosis: Diagnosis[list[Session]]) -> Sessions:
    begin, end = diagnosis.from_ts.timestamp(), diagnosis.to_ts.timestamp()
    kinds = query.kind or tuple(Kind)
    touching = [
        session
        for session in diagnosis.result
        if session.start <= end and session.end >= begin and session.kind in kinds
    ]
    page, window_fields = _page(query, diagnosis, touching, _start)
    return Sessions(
        **window_fields,
        items=[SessionOut.of(session, last_reading_at=diagnosis.last_reading_at) for session in page],
    )


def _page(
    query: WindowQuery, diagnosis: Diagnosis[Any], touching: Sequence[T], key: Callable[[T], Any]
) -> tuple[Sequence[T], dict[str, Any]]:
    """Cut the page of a query; returns it and the fields of its answer on the window and the next page.

    The token holds the window that was found for open ends: readings that arrive meanwhile don't move it.
    """
    query = query.model_copy(update={"from_ts": diagnosis.from_ts, "to_ts": diagnosis.to_ts})
    page, token = cut_page(touching, key, query, descending=query.is_descending)
    window_fields = {
        "vin": query.vin,
        "from_ts": diagnosis.from_ts,
        "to_ts": diagnosis.to_ts,
        "read_from_ts": diagnosis.read_from_ts,
        "read_to_ts": diagnosis.read_to_ts,
        "next": token,
    }
    return page, window_fields


def _start_and_code(episode: Episode) -> tuple[datetime, Code]:
    return episode.started_at, episode.code


def _start(session: Session) -> datetime:
    return moment(session.start)
