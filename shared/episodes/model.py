"""A stored episode, a finding of the rules, and the events that messages report."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.diagnostics.alerts import Severity
from shared.diagnostics.rule import Code
from shared.wire.timestamps import format_timestamp

VEHICLE_SILENT = "VEHICLE_SILENT"
"""Code of the one episode that is no rule over readings: none arrived for ALERT_SILENT_AFTER_S."""
LATCHED = frozenset({str(Code.THERMAL_EVENT)})
"""Codes whose episodes end only by acknowledgement."""
CODES = (*map(str, Code), VEHICLE_SILENT)

_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


def rank(severity: str) -> int:
    """Return the place of a severity from the mildest, 0, to the worst."""
    return _RANKS[Severity(severity)]


class Event(StrEnum):
    """Event of a message about an episode."""

    OPENED = "opened"
    WORSE = "worse"
    REPEATED = "repeated"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An episode as the rules find it, in event time."""

    code: str
    severity: Severity
    started_at: datetime
    start_known: bool
    """False where the episode begins with the first readings that were read, and older ones exist."""
    ended_at: datetime | None
    peak: float
    threshold: float
    unit: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEpisode(Finding):
    """A row of the table `episodes`."""

    vin: str
    id: UUID
    opened_at: datetime
    worsened_at: datetime | None = None
    closed_at: datetime | None = None
    changed_at: datetime
    withdrawn: bool = False
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    muted_until: datetime | None = None
    notes: tuple[dict[str, Any], ...] = ()

    def snapshot(self) -> dict[str, Any]:
        """Return the episode as JSON for the body of a message, times as RFC 3339, without its notes."""
        return {
            field.name: _json(getattr(self, field.name)) for field in fields(self) if field.name != "notes"
        }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_timestamp(value)
    return str(value) if isinstance(value, UUID) else value
