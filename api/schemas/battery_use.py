"""The use of the battery in the answer of `GET /api/vehicles/{vin}/battery`."""

from typing import Literal

from pydantic import Field

from api.schemas.diagnostics import Rounded
from api.schemas.figures import Day, Estimate, Figure, Moment, NoFigure, Part
from shared.diagnostics.charge_types import ChargeType


class CurvePoint(Part):
    """Power of the charges of one type in a class of 5 % of soc."""

    soc: Rounded = Field(description="Middle of the class, %")
    kw: Rounded = Field(description="Median of the charges' means, kW")
    low_kw: Rounded = Field(description="10th percentile of the charges, kW")
    high_kw: Rounded = Field(description="90th percentile of the charges, kW")
    charges: int


class TypeOfCharge(Part):
    """The charges of one type, and their curve."""

    type: ChargeType = Field(
        description="socket: a domestic one, up to 3.1 kW; ac: a wallbox; dc: a station, above 24 kW, or from"
        " 7.4 kW on with a current that follows the battery"
    )
    charges: int
    kwh_in: Rounded = Field(description="kWh")
    hours: Rounded = Field(description="h")
    hours_hot: Rounded = Field(description="Hours with max_temp above 45 °C")
    peak_kw: Rounded = Field(description="The largest of the charges' peaks (95th percentiles), kW")
    c_rate: Rounded | None = Field(
        description="Median of the charges' mean current over the nominal capacity; null without capacity_ah"
    )
    taper_soc: Rounded | None = Field(
        description="Soc from which on the curve stays below 80 % of its largest power, %; null where it does"
        " not"
    )
    curve: list[CurvePoint]


class ChargeFacts(Part):
    """One charge with a known current and voltage."""

    started_at: Moment = Field(validation_alias="start")
    ended_at: Moment = Field(validation_alias="end")
    type: ChargeType
    peak_kw: Rounded = Field(description="95th percentile of the power, kW")
    mean_a: Rounded = Field(description="A, into the battery")
    std_a: Rounded = Field(description="Standard deviation of the current below 80 % of soc, A")
    c_rate: Rounded | None = Field(description="Mean current over the nominal capacity")
    kwh_in: Rounded = Field(description="kWh")
    soc_from: Rounded | None = Field(description="%")
    soc_to: Rounded | None = Field(description="%")
    hours_hot: Rounded = Field(description="Hours with max_temp above 45 °C")
    max_temp: Rounded | None = Field(description="Hottest cell, °C")


class Charging(Figure):
    """Charges by their type."""

    types: list[TypeOfCharge]
    charges: list[ChargeFacts]


class Hours(Figure):
    """Hours by classes: class i is from edge i (included) to edge i + 1."""

    edges: list[Rounded]
    amounts: list[Rounded] = Field(description="h")


class Counts(Figure):
    """Numbers by classes: class i is from edge i (included) to edge i + 1."""

    edges: list[Rounded]
    amounts: list[Rounded] = Field(description="Number")


class RestingSoc(Figure):
    """Soc of the vehicle at rest, silences included."""

    hours: Hours = Field(description="By soc, %")
    total_hours: Rounded = Field(description="h")
    hours_above_80: Rounded = Field(description="Hours with soc above 80 %")
    hours_above_90: Rounded = Field(description="Hours with soc above 90 %")


class ExposureOut(Part):
    """The conditions that the battery has lived in."""

    soc_at_rest: RestingSoc | NoFigure
    temperature: Hours | NoFigure = Field(description="By the mean of hottest and coldest cell, °C")
    c_rate_out: Hours | NoFigure = Field(description="By current over nominal capacity, from 0.02 C on")
    c_rate_in: Hours | NoFigure = Field(description="The same into the battery")
    depth: Counts | NoFigure = Field(description="By the fall of soc between two charges, %")


class Stress(Figure):
    """Ageing by time against ageing by use, by a published model of an NMC cell; no forecast."""

    calendar_share: Rounded = Field(description="Share of the loss by time, 0..1; the rest is by use")
    calendar_factor: Rounded = Field(
        description="Speed of the ageing by time over that of a battery kept at 25 °C and 50 %"
    )
    cycle_factor: Rounded = Field(
        description="Speed of the ageing by use over that of the same charge in cycles of 50 % around 50 %"
    )
    mean_temp: Rounded = Field(description="°C")
    mean_soc: Rounded = Field(description="%")
    mean_depth: Rounded = Field(description="% of soc between charges")
    days: Rounded


class StandbyLoss(Figure):
    """Fall of soc at rest, over rests of 6 hours and more."""

    percent_per_day: Estimate = Field(description="% of soc a day")
    watts: Estimate | None = Field(
        description="W, by the profile's energy_kwh and the reported soh; null without both"
    )
    rests: int
    days: Rounded = Field(description="Sum of the rests, days")


class RestVoltage(Figure):
    """The reported soc less the soc that the voltage of the rested battery shows."""

    difference: Rounded = Field(description="Median of all rests, % of soc")
    low: Rounded = Field(description="10th percentile of the rests, % of soc")
    high: Rounded = Field(description="90th percentile of the rests, % of soc")
    newest: Rounded = Field(description="Median of the last five rests, % of soc")
    newest_day: Day = Field(description="Day of the last rest (UTC)")
    rests: int


class FullCharge(Figure):
    """The last reading with soc of 99 % or more."""

    at: Moment
    days: Rounded = Field(description="From then to the last reading, days")


class SilencePart(Part):
    """Silences of one kind."""

    kind: Literal["charge", "drive", "unobserved", "rest"] = Field(
        description="unobserved: a drive and a charge; rest: neither"
    )
    silences: int
    hours: Rounded = Field(description="h")
    percent: Rounded = Field(description="Change of soc, %")
    kwh: Rounded | None = Field(
        description="The same as energy into the battery, kWh, by energy_kwh and the reported soh"
    )
    km: Rounded | None = Field(description="km; null without an odometer")


class SilenceBalance(Figure):
    """Change of soc while the vehicle was read, and over its silences (gaps)."""

    seen_percent: Rounded = Field(description="Change of soc between readings without a gap, %")
    seen_kwh: Rounded = Field(description="Net energy into the battery measured between them, kWh")
    silent_percent: Rounded = Field(description="Change of soc over gaps, %")
    parts: list[SilencePart]
