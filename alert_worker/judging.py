"""Judgement of vehicles by the rules of `anomalies`: over their last hours, or all that the rules need."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from alert_worker.suspicion import TIMELY
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import Trace, moment
from shared.episodes.judged_window import MARGIN, MARGIN_SHARES, MAX_READINGS, PERIOD, start_is_known, touches
from shared.episodes.model import LATCHED, Finding, StoredEpisode
from shared.episodes.reconcile import Scope
from shared.storage.read_traces import Arrays, read_window
from shared.storage.reading_extent import FIRST_AND_LAST, NEIGHBOURS, START_BY_DAYS, START_BY_HOURS
from shared.vehicle_profile import Profile

_ALL_CODES = frozenset(map(str, Code))
_SILENT_PAST = timedelta(days=1)
"""Age from which on an episode that ended before its vehicle was judged first is stored without messages."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings of the rules in a vehicle's readings, and the scope in which they hold."""

    found: list[Finding]
    scope: Scope


def judge_last_hours(
    columns: Arrays,
    profile: Profile,
    oldest: datetime,
    lookback: timedelta,
    known: Sequence[StoredEpisode],
    *,
    takes_cut: bool,
) -> Judged | None:
    """Judge the readings of a window that begins `lookback` before what changed; None for an empty one.

    In the first half of the lookback the rules lack readings: an episode is not taken as new there, unless
    `takes_cut` is set and the episode is active: for a vehicle whose whole past was never judged.
    """
    trace = Trace.of_columns(columns, current_sign=profile.current_sign)
    if not len(trace):
        return None
    first = moment(trace.ts[0])
    begin = first if oldest >= first else first + lookback / 2
    scope = Scope(codes=TIMELY, begin=begin, new_since=begin, is_whole=False, takes_cut=takes_cut)
    found = [
        _finding(each, start_known=each.started_at >= begin) for each in _found(trace, profile, TIMELY, known)
    ]
    return Judged(found, scope)


@dataclass(frozen=True, slots=True)
class WholePast:
    """The readings of the window of `anomalies`, and its ends."""

    trace: Trace
    oldest: datetime
    newest: datetime
    from_ts: datetime
    """Begin of the window, which the readings of its margin precede."""


def read_whole_past(connection: Connection[Any], vin: str, profile: Profile) -> WholePast | None:
    """Read the readings that `anomalies` without parameters reads; None for a vehicle without readings."""
    oldest, newest = _one(connection, FIRST_AND_LAST, {"vin": vin})
    if oldest is None:
        return None
    from_ts = max(oldest, newest - PERIOD)
    from_ts = max(from_ts, _start_within(connection, vin, from_ts, newest) or from_ts)
    before, _ = _one(connection, NEIGHBOURS, {"vin": vin, "from_ts": from_ts, "to_ts": newest})
    begin = from_ts
    for share in MARGIN_SHARES if before else ():
        first = max(oldest, before - share * MARGIN.before)
        if _start_within(connection, vin, first, newest) is None:
            begin = first
            break
    columns = read_window(connection, vin, begin, newest)
    return WholePast(Trace.of_columns(columns, current_sign=profile.current_sign), oldest, newest, from_ts)


def judge_whole_past(
    past: WholePast, profile: Profile, known: Sequence[StoredEpisode], *, first_at: datetime | None
) -> Judged:
    """Judge as `anomalies` does; `first_at` is the present time for a vehicle that was never judged so."""
    first = moment(past.trace.ts[0])
    mid_history = first if first > past.oldest else None
    scope = Scope(
        codes=_ALL_CODES,
        begin=first,
        new_since=past.from_ts,
        is_whole=True,
        silent_before=first_at - _SILENT_PAST if first_at else None,
    )
    found = [
        _finding(each, start_known=start_is_known(each, mid_history))
        for each in _found(past.trace, profile, tuple(Code), known)
        if touches(each, first, past.newest)
    ]
    return Judged(found, scope)


def _found(
    trace: Trace, profile: Profile, codes: Collection[Code], known: Sequence[StoredEpisode]
) -> list[Any]:
    found, _ = episodes(trace, profile, codes)
    # A latched episode is the first of the readings. After its acknowledgement a further one has to open.
    for code in LATCHED:
        ended = [each.ended_at for each in known if each.code == code and each.ended_at is not None]
        if not ended or not any(each.code == code and each.started_at <= max(ended) for each in found):
            continue
        later = trace.between(max(ended).timestamp() + 1e-6, float("inf"))
        if len(later):
            found = [*found, *episodes(later, profile, [Code(code)])[0]]
    return found


def _finding(episode: Any, *, start_known: bool) -> Finding:
    return Finding(
        code=str(episode.code),
        severity=episode.severity,
        started_at=episode.started_at,
        start_known=start_known,
        ended_at=episode.ended_at,
        peak=episode.peak,
        threshold=episode.threshold,
        unit=episode.unit,
        detail=episode.detail,
    )


def _start_within(
    connection: Connection[Any], vin: str, from_ts: datetime, to_ts: datetime
) -> datetime | None:
    """Return the earliest start of a window of MAX_READINGS; None where the whole window holds no more."""
    values = {"vin": vin, "from_ts": from_ts, "to_ts": to_ts, "most": MAX_READINGS}
    row = connection.execute(START_BY_DAYS, values, binary=True).fetchone()
    if row is None:
        return None
    if row[0] is None:
        values["from_ts"] = to_ts.replace(hour=0, minute=0, second=0, microsecond=0)
        row = connection.execute(START_BY_HOURS, values, binary=True).fetchone()
    return row[0] if row else None


def _one(connection: Connection[Any], query: str, values: dict[str, Any]) -> tuple[Any, ...]:
    row = connection.execute(query, values, binary=True).fetchone()
    assert row is not None  # noqa: S101 - each of these queries returns one row
    return tuple(row)
