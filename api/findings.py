"""What the diagnoses answer: episodes, sessions, alerts, profiles. Names are the wire names; units beside."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from api.models import AlertOut
from api.pagination import Page
from shared.diagnostics.alerts import Severity
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.rule import Code
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import moment

T = TypeVar("T")

# What stands already when reading begins is seen after this long: charging without an odometer, by 600 s.
_SETTLED = timedelta(minutes=10)

# Sums of floats end in digits that no sensor has. + 0.0: no figure is -0.
Rounded = Annotated[float, AfterValidator(lambda value: round(value, 6) + 0.0)]


def _same(model: type[BaseModel], found: object) -> dict[str, Any]:
    """What the answer takes over as it was found."""
    return {name: getattr(found, name) for name in model.model_fields if hasattr(found, name)}


class FleetAlert(AlertOut):
    """What the newest reading of a vehicle says needs a person."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    ts: datetime = Field(description="Of that reading", examples=["2026-01-24T12:10:00Z"])


class EpisodeOut(BaseModel):
    """Something that was the matter from one reading to another, with what a person needs to check it."""

    code: Code
    severity: Severity = Field(description="The worst inside")
    started_at: datetime = Field(
        description="The first reading beyond the threshold", examples=["2026-01-24T12:05:00Z"]
    )
    start_known: bool = Field(
        description="false: it was so from the first readings on that were read, and older ones were not"
    )
    ended_at: datetime | None = Field(
        description="When it was over; the last reading before a gap; null while it is active"
    )
    peak: Rounded = Field(description="The extreme of what was observed, in `unit`", examples=[52.0])
    threshold: Rounded = Field(description="What it was compared with, in `unit`", examples=[50.0])
    unit: str = Field(examples=["°C"])
    window_s: Rounded = Field(description="The time over which the rule judges, seconds", examples=[10])
    samples: int = Field(description="Readings inside", examples=[12])
    readings: list[datetime] = Field(
        description="The first, the extreme and the last of the readings behind it"
    )
    detail: str = Field(description="A sentence for a person, with values, thresholds and times")

    @classmethod
    def of(cls, episode: Episode, *, amid: datetime | None) -> Self:
        """From what the rules tell, and the first reading, where the vehicle has older ones too."""
        start_known = amid is None or episode.started_at - amid > _SETTLED
        return cls(**_same(cls, episode), start_known=start_known)


class SkippedOut(BaseModel):
    """A rule that could not be judged."""

    code: Code
    status: Literal["insufficient_data", "skipped"] = Field(
        description="skipped: the profile has to be completed"
    )
    reason: str = Field(examples=["the profile has no nominal capacity (capacity_ah)"])

    @classmethod
    def of(cls, skipped: Skipped) -> Self:
        """From what the rules tell."""
        missing = skipped.missing
        return cls(code=skipped.code, status=missing.status, reason=missing.reason)


class SessionOut(BaseModel):
    """A drive, a charge, or a silence in which something must have happened; null where not known."""

    kind: Kind
    inferred: bool = Field(description="Seen only by what had changed after a gap")
    started_at: datetime = Field(examples=["2026-01-24T12:05:00Z"])
    ended_at: datetime = Field(examples=["2026-01-24T12:35:00Z"])
    end_known: bool = Field(description="false: it went on at the last reading that was read")
    soc_from: Rounded | None = Field(description="%", examples=[80.0])
    soc_to: Rounded | None = Field(description="%", examples=[64.5])
    kwh_in: Rounded | None = Field(description="Energy into the pack, kWh", examples=[0.6])
    kwh_out: Rounded | None = Field(description="Energy out of the pack, kWh", examples=[4.2])
    km: Rounded | None = Field(description="km", examples=[23.3])
    peak_kw: Rounded | None = Field(description="Largest power in the session's direction, kW")
    mean_kw: Rounded | None = Field(description="Net energy in that direction / measured time, kW")
    max_temp: Rounded | None = Field(description="Hottest cell, °C")
    samples: int = Field(description="Readings inside")
    coverage: Rounded = Field(description="Share of the time whose energy is known, 0..1")

    @classmethod
    def of(cls, session: Session, *, until: datetime | None) -> Self:
        """From what the sessions tell, and when the last reading was."""
        ended_at = moment(session.end)
        # Of an inferred one it is what came after it that is known.
        end_known = session.inferred or until is None or ended_at < until
        times = {"started_at": moment(session.start), "ended_at": ended_at}
        return cls(**_same(cls, session), **times, end_known=end_known)


class DiagnosisPage(Page[T], Generic[T]):
    """What was found in the readings of one vehicle, and which of them were looked at."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    from_ts: datetime = Field(description="What was looked at: both ends included")
    to_ts: datetime
    read_from_ts: datetime = Field(
        description="From here on readings were read: what began earlier begins here"
    )
    read_to_ts: datetime = Field(description="Up to here: what ended later is active, or ends here")


class Anomalies(DiagnosisPage[EpisodeOut]):
    """Episodes of one vehicle that touch the window, and the rules that could not be judged."""

    skipped: list[SkippedOut]


class Sessions(DiagnosisPage[SessionOut]):
    """Sessions of one vehicle that touch the window; they never overlap."""
