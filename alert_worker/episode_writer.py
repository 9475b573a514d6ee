"""Writes of one worker: the stored episodes become what was judged, with a message for each change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from alert_worker.alert_metrics import AlertMetrics
from alert_worker.judging import Judged
from alert_worker.shares import Shares
from alert_worker.vehicle_state import SOON, VehicleState
from shared.episodes.model import StoredEpisode
from shared.episodes.reconcile import Plan, reconcile
from shared.episodes.store import Change, events_of, store_changes, touching_episodes

_OF_PEOPLE = ("acknowledged_at", "acknowledged_by", "muted_until", "notes")


class EpisodeWriter:
    """Writes of a worker that holds shares; each requires the claim. Raises ClaimLostError."""

    def __init__(self, engine: Engine, shares: Shares, metrics: AlertMetrics) -> None:
        self._engine = engine
        self._shares = shares
        self._metrics = metrics

    def apply(
        self,
        states: Mapping[str, VehicleState],
        judged: Mapping[str, Judged],
        known: dict[str, list[StoredEpisode]],
        now: datetime,
    ) -> None:
        """Make the stored episodes equal to what was judged, where they differ."""
        plans = {vin: _plan(vin, one, known[vin], now) for vin, one in judged.items()}
        changing = [vin for vin, plan in plans.items() if plan.changes]
        if changing:
            since = min(judged[vin].scope.begin for vin in changing)
            with self._engine.begin() as connection:
                self._shares.require(connection, changing)
                locked = touching_episodes(connection, changing, since, lock=True)
                for vin in changing:
                    known[vin] = locked[vin]
                    plans[vin] = _plan(vin, judged[vin], locked[vin], now)
                changes = [change for vin in changing for change in plans[vin].changes]
                store_changes(connection, changes, now)
            self._metrics.count_events(events_of(changes))
        for vin, plan in plans.items():
            state = states[vin]
            state.open = _open_after(known[vin], plan.changes, state.open)
            if plan.vanished and not judged[vin].scope.is_whole:
                state.want_whole(now, SOON)
            if any(change.events for change in plan.changes):
                state.want_whole(now, SOON)

    def write(self, states: Mapping[str, VehicleState], changes: Sequence[Change], now: datetime) -> None:
        """Write changes of facts; what people did to an episode since it was read stays."""
        vins = {change.episode.vin for change in changes}
        with self._engine.begin() as connection:
            self._shares.require(connection, vins)
            open_now = touching_episodes(connection, vins, now, lock=True)
            stored = {each.id: each for of_vehicle in open_now.values() for each in of_vehicle}
            changes = [_with_acts_of_people(change, stored.get(change.episode.id)) for change in changes]
            store_changes(connection, changes, now)
        self._metrics.count_events(events_of(changes))
        for change in changes:
            state = states[change.episode.vin]
            state.open = _open_after((), [change], state.open)


def _with_acts_of_people(change: Change, stored: StoredEpisode | None) -> Change:
    if stored is None:
        return change
    acts = {name: getattr(stored, name) for name in _OF_PEOPLE}
    return replace(change, episode=replace(change.episode, **acts))


def _plan(vin: str, judged: Judged, known: Sequence[StoredEpisode], now: datetime) -> Plan:
    begin = judged.scope.begin
    touching = [each for each in known if each.ended_at is None or each.ended_at >= begin]
    return reconcile(vin, touching, judged.found, judged.scope, now)


def _open_after(
    known: Iterable[StoredEpisode], changes: Sequence[Change], before: Iterable[StoredEpisode]
) -> tuple[StoredEpisode, ...]:
    """Return the open episodes after changes; `known` is newer than `before`."""
    newest = {each.id: each for each in before}
    newest |= {each.id: each for each in known}
    newest |= {change.episode.id: change.episode for change in changes}
    return tuple(each for each in newest.values() if each.closed_at is None)
