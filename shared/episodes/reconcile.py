"""Reconciliation of the stored episodes of one vehicle with the findings of the rules, as a pure function.

The same code and a moment in common make the same episode: its id stays, and its facts become those of the
finding. A stored episode that no finding meets was disproved by late data and is withdrawn, as far as the
readings that were judged could show it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from uuid import uuid4

from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.episodes.model import LATCHED, Event, Finding, StoredEpisode, rank
from shared.episodes.store import Change, closed

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_FACTS = tuple(field.name for field in fields(Finding))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The codes that were judged, and the time from which on the readings show all episodes."""

    codes: frozenset[str]
    begin: datetime
    """An episode that began earlier may be seen in part, or not at all."""
    new_since: datetime
    """A finding that ended earlier is no new episode."""
    is_whole: bool
    """True for all readings that the rules need; False for the last ones."""
    takes_cut: bool = False
    """True where an active finding that begins before the readings is a new episode, also if not whole."""
    silent_before: datetime | None = None
    """New episodes that ended earlier are stored without messages: those of a past met for the first time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of one vehicle's episodes."""

    changes: list[Change]
    vanished: bool
    """True where an episode began before the scope and is not found in it: the whole past has to decide."""


def reconcile(
    vin: str, known: Sequence[StoredEpisode], found: Sequence[Finding], scope: Scope, now: datetime
) -> Plan:
    """Plan the changes that make the stored episodes equal to the findings.

    `known`: the vehicle's episodes that are open, or ended at `scope.begin` or later, without withdrawn ones.
    """
    left = [each for each in known if each.code in scope.codes]
    changes: list[Change] = []
    for finding in sorted(found, key=lambda each: (each.started_at, each.code)):
        episode = _counterpart(finding, left)
        if episode is not None:
            left.remove(episode)
            changes += _updated(episode, finding, scope, now)
        elif _is_new(finding, scope):
            changes.append(_opened(vin, finding, scope, now))
    vanished = False
    for episode in left:
        if episode.code in LATCHED and (episode.closed_at is not None or episode.started_at < scope.begin):
            continue
        if episode.started_at >= scope.begin:
            changes.append(_withdrawn(episode, now))
        elif episode.closed_at is None:
            vanished = True
            if scope.is_whole:
                changes.append(Change(closed(episode, scope.begin, now), (Event.CLOSED,)))
    return Plan(changes, vanished)


def _counterpart(finding: Finding, known: Iterable[StoredEpisode]) -> StoredEpisode | None:
    """Return the stored episode of a finding: an open one before a closed one, then the earliest."""
    same = [each for each in known if each.code == finding.code and _overlap(each, finding)]
    if finding.code in LATCHED:
        return min(same, key=lambda each: each.started_at, default=None)
    return min(same, key=lambda each: (each.closed_at is not None, each.started_at), default=None)


def _overlap(one: Finding, other: Finding) -> bool:
    return one.started_at <= (other.ended_at or _END_OF_TIME) and other.started_at <= (
        one.ended_at or _END_OF_TIME
    )


def _is_new(finding: Finding, scope: Scope) -> bool:
    if not scope.is_whole and not finding.start_known:
        return scope.takes_cut and finding.ended_at is None
    return finding.ended_at is None or finding.ended_at >= scope.new_since


def _opened(vin: str, finding: Finding, scope: Scope, now: datetime) -> Change:
    facts = {name: getattr(finding, name) for name in _FACTS}
    ended_at = finding.ended_at
    is_past = ended_at is not None and scope.silent_before is not None and ended_at < scope.silent_before
    at = ended_at if is_past and ended_at is not None else now
    episode = StoredEpisode(
        **facts,
        vin=vin,
        id=uuid4(),
        opened_at=at,
        changed_at=at,
        closed_at=None if ended_at is None else at,
    )
    if is_past:
        return Change(episode, ())
    return Change(episode, (Event.OPENED,) if ended_at is None else (Event.OPENED, Event.CLOSED))


def _updated(episode: StoredEpisode, finding: Finding, scope: Scope, now: datetime) -> list[Change]:
    facts = {name: getattr(finding, name) for name in _FACTS}
    is_cut = not finding.start_known or finding.started_at <= scope.begin
    if is_cut and episode.started_at <= finding.started_at:
        # The readings that were judged begin inside the episode: what was seen before them stays.
        facts |= {"started_at": episode.started_at, "start_known": episode.start_known}
        if _is_worse(episode, finding):
            facts |= {
                name: getattr(episode, name) for name in ("severity", "peak", "threshold", "unit", "detail")
            }
    if episode.code in LATCHED and episode.closed_at is not None:
        facts["ended_at"] = episode.ended_at
    after = replace(episode, **facts)
    if after == episode:
        return []
    events: list[Event] = []
    if rank(after.severity) > rank(episode.severity) and episode.closed_at is None:
        events.append(Event.WORSE)
        after = replace(after, worsened_at=now, changed_at=now)
    if after.ended_at is not None and episode.closed_at is None:
        events.append(Event.CLOSED)
        after = replace(after, closed_at=now, changed_at=now)
    elif after.ended_at is None and episode.closed_at is not None:
        # Later readings, or late ones, show that the episode went on.
        events.append(Event.OPENED)
        after = replace(after, opened_at=now, closed_at=None, changed_at=now)
    return [Change(after, tuple(events))]


def _is_worse(one: Finding, other: Finding) -> bool:
    if one.severity != other.severity:
        return rank(one.severity) > rank(other.severity)
    rises = RULES[Code(one.code)].sets in {">", ">="}
    return one.peak >= other.peak if rises else one.peak <= other.peak


def _withdrawn(episode: StoredEpisode, now: datetime) -> Change:
    after = replace(
        episode,
        withdrawn=True,
        ended_at=episode.ended_at or max(episode.started_at, now),
        closed_at=episode.closed_at or now,
        changed_at=now,
    )
    return Change(after, (Event.WITHDRAWN,))
