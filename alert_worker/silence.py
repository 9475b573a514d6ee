"""The episode VEHICLE_SILENT: no reading of a vehicle arrived for long; the next arrival ends it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from alert_worker.fleet_scan import Seen
from alert_worker.vehicle_state import VehicleState
from shared.diagnostics.alerts import Severity
from shared.episodes.model import VEHICLE_SILENT, Event, StoredEpisode
from shared.episodes.store import Change, closed
from shared.wire.timestamps import format_timestamp
from shared.wording import duration


def silence_changes(
    seen: Iterable[Seen], states: Mapping[str, VehicleState], silent_after: timedelta, now: datetime
) -> list[Change]:
    """Return the episodes that begin or end now; with `silent_after` 0 none begins."""
    changes = []
    for one in seen:
        state = states.get(one.vin)
        if state is None:
            continue
        episode = next((each for each in state.open if each.code == VEHICLE_SILENT), None)
        if episode is not None:
            if one.received_at > episode.started_at:
                changes.append(_ended(episode, one.received_at, now))
        elif silent_after and now - one.received_at > silent_after:
            changes.append(_begun(one, silent_after, now))
    return changes


def _begun(seen: Seen, silent_after: timedelta, now: datetime) -> Change:
    limit = silent_after.total_seconds()
    episode = StoredEpisode(
        vin=seen.vin,
        id=uuid4(),
        code=VEHICLE_SILENT,
        severity=Severity.WARNING,
        started_at=seen.received_at,
        start_known=True,
        ended_at=None,
        peak=limit,
        threshold=limit,
        unit="s",
        detail=f"No reading arrived since {format_timestamp(seen.received_at)}, for over {duration(limit)}.",
        opened_at=now,
        changed_at=now,
    )
    return Change(episode, (Event.OPENED,))


def _ended(episode: StoredEpisode, received_at: datetime, now: datetime) -> Change:
    silence = (received_at - episode.started_at).total_seconds()
    detail = (
        f"No reading arrived from {format_timestamp(episode.started_at)} to {format_timestamp(received_at)},"
        f" for {duration(silence)}."
    )
    after = replace(closed(episode, received_at, now), peak=round(silence, 6), detail=detail)
    return Change(after, (Event.CLOSED,))
