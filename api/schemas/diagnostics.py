"""Answers of the diagnoses: episodes, sessions, alerts. Names are the wire names; descriptions give units."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from api.http.pagination import Page
from api.schemas.vehicles import AlertOut
from shared.diagnostics.alerts import Severity
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.rule import Code
from shared.diagnostics.session import EnergyFrom, Kind, Session
from shared.diagnostics.trace import moment
from shared.episodes.judged_window import start_is_known

T = TypeVar("T")

# Sums of floats end in digits that no sensor has. + 0.0: no figure is -0.
Rounded = Annotated[float, AfterValidator(lambda value: round(value, 6) + 0.0)]


def _common_fields(model: type[BaseModel], found: object) -> dict[str, Any]:
    """Collect the fields that a model takes over unchanged from an object."""
    return {name: getattr(found, name) for name in model.model_fields if hasattr(found, name)}


class FleetAlert(AlertOut):
    """An alert of a vehicle's newest values."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    ts: datetime = Field(description="Of that reading", examples=["2026-01-24T12:10:00Z"])


class EpisodeOut(BaseModel):
    """A fault from one reading to another, with the facts that a person needs to check it."""

    code: Code
    severity: Severity = Field(description="The worst inside")
    started_at: datetime = Field(
        description="The first reading beyond the threshold", examples=["2026-01-24T12:05:00Z"]
    )
    start_known: bool = Field(
        description="false: the episode begins with the first readings that were read, and older ones exist"
    )
    ended_at: datetime | None = Field(
        description="End of the episode; the last reading before a gap; null while it is active"
    )
    peak: Rounded = Field(description="The extreme of what was observed, in `unit`", examples=[52.0])
    threshold: Rounded = Field(description="The limit that was crossed, in `unit`", examples=[50.0])
    unit: str = Field(examples=["°C"])
    window_s: Rounded = Field(description="Time over which the rule evaluates, seconds", examples=[10])
    samples: int = Field(description="Readings inside", examples=[12])
    readings: list[datetime] = Field(description="The first, the extreme and the last reading of the episode")
    detail: str = Field(description="A sentence for a person, with values, thresholds and times")

    @classmethod
    def of(cls, episode: Episode, *, trace_starts_mid_history: datetime | None) -> Self:
        """Build the item of an episode; `trace_starts_mid_history` is None without older readings."""
        start_known = start_is_known(episode, trace_starts_mid_history)
        return cls(**_common_fields(cls, episode), start_known=start_known)


class SkippedOut(BaseModel):
    """A rule that could not be evaluated."""

    code: Code
    status: Literal["insufficient_data", "skipped"] = Field(
        description="skipped: the profile has to be completed"
    )
    reason: str = Field(examples=["the profile has no nominal capacity (capacity_ah)"])

    @classmethod
    def of(cls, skipped: Skipped) -> Self:
        """Build the item of a rule that could not be evaluated."""
        missing = skipped.missing
        return cls(code=skipped.code, status=missing.status, reason=missing.reason)


class SessionOut(BaseModel):
    """A drive, a charge, energy out of a parked vehicle, or an inferred session; null: an unknown value."""

    kind: Kind = Field(
        description="discharge: energy out of a parked vehicle, into a house, a grid, a device or a heater;"
        " standby: parked on the plug, with no more energy in than out; unobserved: a silence over which the"
        " vehicle drove and was charged"
    )
    inferred: bool = Field(description="Concluded from the changes of soc and odometer alone")
    started_at: datetime = Field(examples=["2026-01-24T12:05:00Z"])
    ended_at: datetime = Field(examples=["2026-01-24T12:35:00Z"])
    end_known: bool = Field(description="false: the session went on at the last reading that was read")
    soc_from: Rounded | None = Field(description="%", examples=[80.0])
    soc_to: Rounded | None = Field(description="%", examples=[64.5])
    kwh_in: Rounded | None = Field(description="Energy into the pack, kWh", examples=[0.6])
    kwh_out: Rounded | None = Field(
        description="Energy out of the pack, kWh; of an inferred drive the net energy", examples=[4.2]
    )
    kwh_in_low: Rounded | None = Field(
        description="Lower end of the 95 % band of kwh_in, which the interval of the readings leaves open;"
        " of an unobserved session the least energy: distance by usual consumption against the change of soc"
    )
    kwh_in_high: Rounded | None = Field(description="Upper end of the band of kwh_in")
    kwh_out_low: Rounded | None = Field(
        description="Lower end of the band of kwh_out; by distance and usual consumption where that is null"
    )
    kwh_out_high: Rounded | None = Field(description="Upper end of the band of kwh_out")
    sampling_ok: bool = Field(description="False where a band reaches over 5 % of the energy from its figure")
    energy_from: EnergyFrom | None = Field(
        description="measured: voltage and current; soc: its change, the nominal energy and soh; soc_nominal:"
        " the same where soh is unknown; null without energy"
    )
    km: Rounded | None = Field(description="km", examples=[23.3])
    parts: int | None = Field(
        description="Stretches of current with pauses of a minute or more between them, of a charge or"
        " discharge; null where they are not counted",
        examples=[1],
    )
    peak_kw: Rounded | None = Field(description="Largest power in the session's direction, kW")
    mean_kw: Rounded | None = Field(description="Net energy in that direction / measured time, kW")
    max_temp: Rounded | None = Field(description="Hottest cell, °C")
    samples: int = Field(description="Readings inside")
    coverage: Rounded = Field(description="Share of the time whose energy is known, 0..1")

    @classmethod
    def of(cls, session: Session, *, last_reading_at: datetime | None) -> Self:
        """Build the item of a session; `last_reading_at` is the time of the last reading that was read."""
        ended_at = moment(session.end)
        # The reading after an inferred session is known, and with it the end.
        end_known = session.inferred or last_reading_at is None or ended_at < last_reading_at
        times = {"started_at": moment(session.start), "ended_at": ended_at}
        return cls(**_common_fields(cls, session), **times, end_known=end_known)


class DiagnosisPage(Page[T], Generic[T]):
    """Findings in the readings of one vehicle, and the range of readings that were read."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    from_ts: datetime = Field(description="Begin of the window; both ends are included")
    to_ts: datetime
    read_from_ts: datetime = Field(
        description="Readings from here on were read: a finding that began earlier begins here"
    )
    read_to_ts: datetime = Field(
        description="Readings up to here were read: a finding that ended later is active, or ends here"
    )


class Anomalies(DiagnosisPage[EpisodeOut]):
    """Episodes of one vehicle that touch the window, and the rules that could not be evaluated."""

    skipped: list[SkippedOut]


class Sessions(DiagnosisPage[SessionOut]):
    """Sessions of one vehicle that touch the window; they never overlap."""


class VehicleDiagnosis(BaseModel):
    """Anomalies and sessions of one window of one vehicle."""

    anomalies: Anomalies
    sessions: Sessions
