"""The trends of resistance and capacity in the answer of `GET /api/vehicles/{vin}/battery`."""

from pydantic import Field

from api.schemas.diagnostics import Rounded
from api.schemas.figures import Day, Estimate, EstimateFigure, Figure, Milliohm, Moment, NoFigure, Part


class TrendDay(Part):
    """Median resistance of one day (UTC) with a temperature."""

    day: Day
    mohm: Milliohm = Field(description="As measured, mΩ", validation_alias="ohm")
    mohm_at_25: Milliohm = Field(
        description="At 25 °C by the activation energy of this trend, mΩ", validation_alias="ohm_at_25"
    )
    temp: Rounded = Field(description="Median of the cells' temperatures, °C")
    n: int = Field(description="Pairs of readings")


class ResistanceTrend(Figure):
    """Theil-Sen line over the days' resistance at 25 °C, over all that is stored."""

    growth: Estimate = Field(description="From the first day to the last, %")
    per_year: Estimate = Field(description="% of the resistance on the first day, a year")
    activation_j: Estimate = Field(
        description="Activation energy, J/mol: how much the resistance rises in the cold"
    )
    fitted: bool = Field(
        description="True where the weather of these days shows the activation energy; else the interval"
        " holds all usual ones"
    )
    first_mohm_at_25: Milliohm = Field(
        description="On the line on the first day, mΩ", validation_alias="first_ohm_at_25"
    )
    last_mohm_at_25: Milliohm = Field(
        description="On the line on the last day, mΩ", validation_alias="last_ohm_at_25"
    )
    span_days: int = Field(description="Days from the first one to the last")
    alike: int = Field(
        description="Days within 10 °C of their median temperature, which the line is fitted to"
    )
    days: list[TrendDay]


class ChargeCapacity(Part):
    """The capacity by one charge, or by a part of it."""

    started_at: Moment = Field(validation_alias="start")
    ended_at: Moment = Field(validation_alias="end")
    soc_from: Rounded = Field(description="%")
    soc_to: Rounded = Field(description="%")
    charged_ah: Rounded = Field(description="Charge that flowed in, Ah")
    ah: Rounded = Field(description="Capacity, Ah")
    ah_low: Rounded = Field(description="Lower end of its 95 % interval, by the error of soc, Ah")
    ah_high: Rounded = Field(description="Upper end of the interval, Ah")
    temp: Rounded | None = Field(description="Mean of the hottest cell, °C; null without a temperature")


class CapacitySlope(Figure):
    """Theil-Sen line over the charges."""

    per_year: Estimate = Field(description="Ah a year")
    first_ah: Rounded = Field(description="On the line on the first charge, Ah")
    last_ah: Rounded = Field(description="On the line on the last charge, Ah")
    charges: int = Field(description="Charges of the line: by 30 % of soc or more where these are enough")
    span_days: int


class CapacityTrend(Figure):
    """The capacity of each charge by 10 % of soc or more, over all that is stored."""

    newest: Estimate = Field(
        description="Ah; of the last 30 days with charges, or the last three, by their precision"
    )
    newest_n: int = Field(description="Charges in newest")
    soh: EstimateFigure | NoFigure = Field(
        description="%; state of health: newest over the profile's capacity_ah"
    )
    reported_soh: Rounded | None = Field(
        description="%, the vehicle's own: the median of its last 7; null without one"
    )
    slope: CapacitySlope | NoFigure
    charges: list[ChargeCapacity]
