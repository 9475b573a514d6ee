"""Answer of `GET /api/vehicles/{vin}/battery`: each figure with `status: ok`, or the reason why it lacks."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field

from api.schemas.battery_trends import CapacityTrend, ResistanceTrend
from api.schemas.battery_use import (
    Charging,
    ExposureOut,
    FullCharge,
    RestVoltage,
    SilenceBalance,
    StandbyLoss,
    Stress,
)
from api.schemas.diagnostics import Rounded
from api.schemas.figures import Day, EstimateFigure, Figure, Milliohm, NoFigure, Part
from shared.diagnostics.battery import Battery
from shared.diagnostics.missing import Missing


class Throughput(Figure):
    """Energy and charge that flowed; both directions at least 0."""

    kwh_out: Rounded = Field(description="Discharged, kWh")
    kwh_in: Rounded = Field(description="Charged and regained, kWh")
    kwh_out_low: Rounded = Field(
        description="Lower end of the 95 % band of kwh_out, which the interval of the readings leaves open,"
        " over the covered time"
    )
    kwh_out_high: Rounded = Field(description="Upper end of the band of kwh_out")
    kwh_in_low: Rounded = Field(description="Lower end of the band of kwh_in")
    kwh_in_high: Rounded = Field(description="Upper end of the band of kwh_in")
    sampling_ok: bool = Field(description="False where a band reaches over 5 % of the energy from its figure")
    ah_out: Rounded = Field(description="Ah")
    ah_in: Rounded = Field(description="Ah")
    coverage: Rounded = Field(description="Share of the time whose energy is known, 0..1")


class Cycles(Figure):
    """Equivalent full cycles."""

    count: Rounded
    by: Literal["charge", "soc"] = Field(
        description="charge: Ah over twice the nominal capacity; soc: the sum of soc's steps over 200 %"
    )
    unobserved: Rounded = Field(description="Cycles that are known by soc alone: no current was seen")


class Consumption(Figure):
    """Consumption over all drives that can be used; regained energy is subtracted."""

    kwh_per_100_km: Rounded
    kwh_per_100_km_low: Rounded = Field(
        description="Lower end of the 95 % band, which the interval of the readings leaves open"
    )
    kwh_per_100_km_high: Rounded = Field(description="Upper end of the band")
    kwh: Rounded
    km: Rounded
    drives: int
    sampling_ok: bool = Field(description="False above a median interval of 5 s: power swings faster")


class DayResistance(Part):
    """Median resistance of one day (UTC)."""

    day: Day
    mohm: Milliohm = Field(validation_alias="ohm")
    mohm_at_25: Milliohm | None = Field(validation_alias="ohm_at_25")
    n: int = Field(description="Pairs of readings")


class PulseResistance(Part):
    """Resistance over pulses of one length."""

    seconds: Rounded = Field(description="Length of the pulse: so far two readings are apart, s")
    mohm: Milliohm = Field(validation_alias="ohm")
    mohm_at_25: Milliohm | None = Field(validation_alias="ohm_at_25")
    n: int = Field(description="Pairs of readings")


class InternalResistance(Figure):
    """Internal resistance: medians of the days' medians."""

    mohm: Milliohm = Field(description="As measured, mΩ", validation_alias="ohm")
    mohm_at_25: Milliohm | None = Field(
        description="Normalised to 25 °C, mΩ; null without a temperature", validation_alias="ohm_at_25"
    )
    n: int = Field(description="Pairs of readings")
    sampling_ok: bool = Field(
        description="False above a median interval of 10 s while current flows: polarisation is included"
    )
    newest_mohm: Milliohm | None = Field(
        description="The median of the last three days, mΩ; null where not above 0",
        validation_alias="newest_ohm",
    )
    newest_mohm_at_25: Milliohm | None = Field(
        description="The same normalised to 25 °C, of the last three days with temperatures, mΩ",
        validation_alias="newest_ohm_at_25",
    )
    newest_n: int = Field(description="Days in newest_mohm")
    newest_day: Day = Field(description="The last of them (UTC)")
    pulse_s: Rounded = Field(
        description="Median time between the two readings of a pair, s: the resistance grows with it"
    )
    pulses: list[PulseResistance] = Field(
        description="The same by pulses of 1, 10, 30 and 60 s, as far as the readings allow"
    )
    days: list[DayResistance]


class CapacityEstimate(Figure):
    """Capacity: the median over charging windows, and the newest value."""

    ah: Rounded = Field(description="The median of all windows, Ah")
    n: int = Field(description="Windows")
    spread_ah: Rounded = Field(description="The largest estimate less the smallest, Ah")
    newest_ah: Rounded = Field(description="The median of the last three windows, Ah")
    newest_n: int = Field(description="Windows in newest_ah")
    newest_day: Day = Field(description="Day on which the last of them ended (UTC)")
    nominal_share: Rounded | None = Field(
        description="newest_ah over the profile's capacity_ah; null without one"
    )


class Slope(Figure):
    """Slope of soh, in percentage points per the unit in the field's name; negative while soh falls.

    `low`..`high`: the 95 % interval.
    """

    value: Rounded
    low: Rounded = Field(description="The steepest fall")
    high: Rounded = Field(description="The flattest fall")


class Milestone(Part):
    """Dates at which soh reaches a level, by the steepest, the median and the flattest slope; null: never."""

    soh: Rounded = Field(description="%")
    passed: bool = Field(
        description="The reported soh was seen at or below the level: its 7-day median on the last day"
    )
    earliest: date | None
    likely: date | None
    latest: date | None


class SohTrend(Figure):
    """Theil-Sen line over the daily medians of the reported soh."""

    soh: Rounded = Field(description="%, on the line, on the last day")
    per_year: Slope
    per_10000_km: Slope | NoFigure
    days: int = Field(description="Days with a soh")
    span_days: int
    milestones: list[Milestone]


class DurabilityReference(Part):
    """The legal reference at this age and distance. The law measures usable energy, not soh."""

    regulation: str = Field(examples=["UN GTR 22"])
    until_years: Rounded
    until_km: Rounded
    reference: Rounded = Field(description="%")
    soh: Rounded = Field(description="%, the vehicle's own: the median of its last 7")
    finding: str = Field(examples=["not below the reference"])


class Durability(Figure):
    """Comparison with each legal reference that applies."""

    references: list[DurabilityReference]


class Counter(Figure):
    """One figure of the passport."""

    value: Rounded


Count = Annotated[
    Counter | NoFigure,
    BeforeValidator(lambda given: given if isinstance(given, Missing) else {"value": given}),
]


class PassportOut(Part):
    """Attributes of Regulation (EU) 2023/1542 and DIN DKE SPEC 99100 that readings can show."""

    hours_hot: Count = Field(description="Hours with max_temp above 45 °C")
    hours_cold: Count = Field(description="Hours with min_temp below 0 °C")
    hours_hot_charging: Count
    hours_cold_charging: Count
    deep_discharges: Count = Field(description="Times that soc fell below 5 %")
    resistance_growth: EstimateFigure | NoFigure = Field(
        description="At 25 °C, %, over the days of resistance_trend"
    )


class RemovedValues(Part):
    """Values that no figure uses, by their number of readings."""

    soc_glitches: int = Field(description="Values of soc taken back without a cause, or impossible to reach")
    soh_zeros: int = Field(description="A soh of 0: the battery management system has not answered yet")
    temp_implausible: int = Field(description="Temperatures of an absent or broken sensor")
    odo_zeros: int = Field(description="An odometer of 0 beside other values")
    odo_wrong: int = Field(description="Values that the odometer took back")
    odo_resolution_km: Rounded | None = Field(description="Smallest step of the odometer; null without one")


class DataQuality(Figure):
    """Quality of the readings."""

    readings: int
    median_interval_s: Rounded
    p95_interval_s: Rounded
    logged_share: Rounded = Field(
        description="Share of the time between readings near each other: 60 s, or the source's rhythm, 0..1"
    )
    gaps: int = Field(description="Intervals of at least 300 s, and beyond the source's rhythm")
    gap_hours: Rounded
    longest_gap_s: Rounded
    coverage: Rounded = Field(description="Share of the time whose energy is known, 0..1")
    late_share: Rounded = Field(description="Share that arrived over 180 s after their ts, 0..1")
    cleaned: RemovedValues
    duplicates: int = Field(description="Duplicates among the readings of these days (UTC)")
    rejected: int = Field(
        description="Rejections of this VIN received in the window, as far as they are kept"
    )


class BatteryHealth(BaseModel):
    """Use and health of a battery over a window, from its readings."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    from_ts: datetime = Field(description="Begin of the window; both ends are included")
    to_ts: datetime
    throughput: Throughput
    cycles: Cycles | NoFigure
    consumption: Consumption | NoFigure
    resistance: InternalResistance | NoFigure
    resistance_trend: ResistanceTrend | NoFigure
    capacity: CapacityEstimate | NoFigure
    capacity_trend: CapacityTrend | NoFigure
    soh_trend: SohTrend | NoFigure
    durability: Durability | NoFigure
    passport: PassportOut
    charging: Charging | NoFigure
    exposure: ExposureOut
    stress: Stress | NoFigure
    standby: StandbyLoss | NoFigure
    rest_voltage: RestVoltage | NoFigure
    full_charge: FullCharge | NoFigure
    silences: SilenceBalance | NoFigure
    quality: DataQuality | NoFigure

    @classmethod
    def of(
        cls, vin: str, from_ts: datetime, to_ts: datetime, found: Battery, *, duplicates: int, rejected: int
    ) -> Self:
        """Build the answer from the figures, and from counts that the readings don't hold."""
        references, quality = found.durability, found.quality
        figures: dict[str, Any] = {
            "throughput": found.passport.throughput,
            "cycles": found.passport.cycles,
            "consumption": found.consumption,
            "resistance": found.resistance,
            "resistance_trend": found.resistance_trend,
            "capacity": found.capacity,
            "capacity_trend": found.capacity_trend,
            "soh_trend": found.ageing,
            "durability": references if isinstance(references, Missing) else {"references": references},
            "passport": found.passport,
            "charging": found.use.charging,
            "exposure": found.use.exposure,
            "stress": found.use.stress,
            "standby": found.use.standby,
            "rest_voltage": found.use.rest_voltage,
            "full_charge": found.use.full_charge,
            "silences": found.use.silences,
            "quality": quality
            if isinstance(quality, Missing)
            else asdict(quality) | {"duplicates": duplicates, "rejected": rejected},
        }
        return cls.model_validate({"vin": vin, "from_ts": from_ts, "to_ts": to_ts, **figures})
