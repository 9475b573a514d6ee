"""The parts that all figures of a battery share: a figure with `status: ok`, or the reason why it lacks."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.diagnostics import Rounded
from shared.diagnostics.trace import moment

_EPOCH = date(1970, 1, 1)

# `shared.diagnostics` counts in ohm, and in days since 1970.
Milliohm = Annotated[float, AfterValidator(lambda ohm: round(1000 * ohm, 6))]
Day = Annotated[date, BeforeValidator(lambda day: _EPOCH + timedelta(days=day))]
Moment = Annotated[datetime, BeforeValidator(moment)]


class Part(BaseModel):
    """Model that is made from the attributes of an object of `shared.diagnostics`."""

    model_config = ConfigDict(from_attributes=True)


class NoFigure(Part):
    """Reason why a figure is missing."""

    status: Literal["insufficient_data", "skipped"] = Field(
        description="insufficient_data: the readings do not suffice; skipped: the profile has to be completed"
    )
    reason: str = Field(examples=["the profile has no date of first use (first_use_date)"])


class Figure(Part):
    """A figure that could be computed."""

    status: Literal["ok"] = "ok"


class Estimate(Part):
    """A value with its 95 % interval."""

    value: Rounded
    low: Rounded = Field(description="Lower end of the 95 % interval")
    high: Rounded = Field(description="Upper end of the 95 % interval")


class EstimateFigure(Figure):
    """A value with its 95 % interval, which could be computed."""

    value: Rounded
    low: Rounded = Field(description="Lower end of the 95 % interval")
    high: Rounded = Field(description="Upper end of the 95 % interval")
