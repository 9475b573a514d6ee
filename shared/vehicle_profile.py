"""The profile of a vehicle: facts beyond its readings. No value is guessed; an unknown one is None."""

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.wire.reading import Range
from shared.wire.timestamps import WIDEST_OFFSET


class Chemistry(StrEnum):
    """Chemistry of the cells."""

    NMC = "NMC"
    LFP = "LFP"
    NCA = "NCA"


RANGES: dict[str, Range] = {
    "series_cells": Range(1, 2_000, ""),
    "capacity_ah": Range(0.1, 10_000, "Ah"),
    "energy_kwh": Range(0.1, 10_000, "kWh"),
    "max_discharge_a": Range(1, 3_000, "A"),
    "max_charge_a": Range(1, 3_000, "A"),
}
"""Range of each field, both ends included. [C]: from a motorcycle to a mining truck, and some more."""

TEXTS: dict[str, int] = {"name": 100, "group": 100, "plate": 40}
"""Fields of text, with the largest number of characters of each."""

_NAMES = {
    "series_cells": "number of cells in series",
    "chemistry": "chemistry",
    "capacity_ah": "nominal capacity",
    "energy_kwh": "nominal energy",
    "max_discharge_a": "largest discharge current",
    "max_charge_a": "largest charge current",
    "first_use_date": "date of first use",
}


def named(field: str) -> str:
    """Return the words for a field, such as `nominal capacity (capacity_ah)`."""
    return f"{_NAMES[field]} ({field})"


def without(*fields: str) -> str:
    """Return the words for missing fields: `the profile has no nominal capacity (capacity_ah)`."""
    names = " nor ".join(map(named, fields))
    return f"the profile has {'no' if len(fields) == 1 else 'neither'} {names}"


EARLIEST_USE = date(1990, 1, 1)


def latest_use() -> date:
    """Return the last day that a battery can have been first used: today in the easternmost time zone."""
    return (datetime.now(UTC) + WIDEST_OFFSET).date()


def _known(name: str, description: str, example: float) -> Any:
    low, high, unit = RANGES[name]
    text = f"{description}, {unit}" if unit else description
    return Field(default=None, ge=low, le=high, description=text, examples=[example])


def _text(name: str, description: str, example: str) -> Any:
    return Field(
        default=None, min_length=1, max_length=TEXTS[name], description=description, examples=[example]
    )


def _printable(value: str) -> str:
    # Tabs and line ends too: a name is shown in one line of a list, and in the subject of a message.
    if not value.isprintable() or value != value.strip():
        raise PydanticCustomError("text", "must be printable, without blanks around it")
    return value


PlainText = Annotated[str, AfterValidator(_printable)]


def _day(value: Any) -> Any:
    # Pydantic would also accept a number of seconds, or a time at midnight.
    if value is None or type(value) is date:
        return value
    try:
        # fromisoformat() alone would also accept week dates such as 2020-W01-1.
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date", "must be a date such as 2020-01-31")


def _whole(value: Any) -> Any:
    # JSON has one type of number: 96.0 is 96.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sign(value: Any) -> Any:
    value = _whole(value)
    # Without this, True would pass: a Literal compares with ==, and True == 1.
    if type(value) is not int:
        raise PydanticCustomError("sign", "must be 1 or -1")
    return value


class Profile(BaseModel):
    """A vehicle's profile. All fields are optional; rules and figures that need a missing one are skipped."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    series_cells: Annotated[int | None, BeforeValidator(_whole)] = _known(
        "series_cells", "Cells in series", 96
    )
    chemistry: Annotated[Chemistry | None, Field(strict=False, description="Of the cells")] = None
    capacity_ah: float | None = _known("capacity_ah", "Nominal capacity", 60)
    energy_kwh: float | None = _known("energy_kwh", "Nominal energy", 21.6)
    max_discharge_a: float | None = _known("max_discharge_a", "Largest current out of the pack", 400)
    max_charge_a: float | None = _known(
        "max_charge_a", "Largest current into the pack, as a positive number", 125
    )
    first_use_date: Annotated[
        Annotated[date, Field(ge=EARLIEST_USE)] | None,
        BeforeValidator(_day),
        Field(description="When the battery was first used", examples=["2021-05-17"]),
    ] = None
    current_sign: Annotated[Literal[1, -1], BeforeValidator(_sign)] = Field(
        1, description="-1 for a source whose charging current is positive (such as COVESA VSS)"
    )
    name: PlainText | None = _text("name", "Name by which people know the vehicle", "Van 12")
    group: PlainText | None = _text("group", "Group of vehicles: a site, a customer, a team", "Depot North")
    plate: PlainText | None = _text("plate", "Licence plate", "B-EV 1234")
