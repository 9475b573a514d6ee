"""The reading: a set of signals of one vehicle at one time, the same for MQTT and HTTP."""

import re
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from shared.wire.strict_json import AmbiguousObject
from shared.wire.timestamps import EARLIEST, InvalidTimestampError, parse_timestamp
from shared.wording import plain

MAX_READINGS = 10_000
"""Largest number of readings in one array, over MQTT or HTTP."""

_VIN = re.compile(r"[A-Za-z0-9-]{5,40}")
VIN_PATTERN = f"^{_VIN.pattern}$"
"""Pattern of a VIN for the OpenAPI document."""


class Range(NamedTuple):
    """Range of a signal in its unit, both ends included."""

    low: float
    high: float
    unit: str


SIGNALS: dict[str, Range] = {
    # GB/T 32960.3-2025; its codes for "invalid" (255 %, 215 °C, 6553.5 V, 5553.5 A) lie outside.
    "soc": Range(0, 100, "%"),
    "soh": Range(0, 100, "%"),
    "pack_voltage": Range(0, 6000, "V"),
    "pack_current": Range(-3000, 3000, "A"),
    "max_temp": Range(-40, 210, "°C"),
    "min_temp": Range(-40, 210, "°C"),
    "odo_km": Range(0, 999_999.9, "km"),
}


def normalise_vin(vin: str) -> str:
    """Return the VIN in upper case. Raises ValueError unless it is 5 to 40 letters, digits and hyphens."""
    # The check comes first: the upper case of a dotless i is an ASCII I.
    if _VIN.fullmatch(vin) is None:
        raise ValueError("must be 5 to 40 letters, digits and hyphens")
    return vin.upper()


def _vin(vin: str) -> str:
    try:
        return normalise_vin(vin)
    except ValueError as reason:
        raise PydanticCustomError("vin", str(reason)) from None


def _timestamp(text: Any, info: ValidationInfo) -> datetime:
    try:
        ts = parse_timestamp(text)
    except InvalidTimestampError as reason:
        raise PydanticCustomError("timestamp", str(reason)) from None
    if ts < EARLIEST:
        raise PydanticCustomError("timestamp_too_early", "must not be before the year 2000")
    latest = info.context
    if latest is not None and ts > latest:
        raise PydanticCustomError("timestamp_in_future", "lies too far in the future")
    return ts


def _signal(name: str, description: str) -> Any:
    low, high, unit = SIGNALS[name]
    return Field(default=None, ge=low, le=high, description=f"{description}, {unit}")


def _is_a_number(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"type": "number"}}}


class Reading(BaseModel):
    """One reading. Its key is (vin, ts); at least one signal is not null; unknown fields are ignored.

    Validate with `Reading.model_validate(value, context=latest)`, where `latest` is the latest valid `ts`
    (our clock plus MAX_FUTURE_SKEW_S).
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        json_schema_extra={"anyOf": [_is_a_number(name) for name in SIGNALS]},
    )

    vin: Annotated[str, AfterValidator(_vin)] = Field(
        description="The vehicle: 5 to 40 letters, digits and hyphens, kept in upper case",
        json_schema_extra={"pattern": VIN_PATTERN},
    )
    ts: Annotated[datetime, BeforeValidator(_timestamp)] = Field(
        description="When the vehicle took the reading: RFC 3339 with an offset, from 2000 on, at most"
        " MAX_FUTURE_SKEW_S (300 seconds unless set) ahead of our clock"
    )
    soc: float | None = _signal("soc", "State of charge")
    soh: float | None = _signal("soh", "State of health as the vehicle reports it")
    pack_voltage: float | None = _signal("pack_voltage", "Pack voltage")
    pack_current: float | None = _signal("pack_current", "Pack current; positive = discharge")
    max_temp: float | None = _signal("max_temp", "Hottest cell")
    min_temp: float | None = _signal("min_temp", "Coldest cell")
    odo_km: float | None = _signal("odo_km", "Odometer")

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, value: Any) -> Any:
        if isinstance(value, AmbiguousObject):
            raise PydanticCustomError("ambiguous_object", "must not name a key twice")
        if not isinstance(value, dict):
            raise PydanticCustomError("not_an_object", "must be a JSON object")
        return value

    @model_validator(mode="after")
    def _holds_a_signal(self) -> Self:
        if (
            self.soc is None
            and self.soh is None
            and self.pack_voltage is None
            and self.pack_current is None
            and self.max_temp is None
            and self.min_temp is None
            and self.odo_km is None
        ):
            raise PydanticCustomError("no_signal", "at least one signal must not be null")
        return self


FIRST_SIGNAL = 3
"""Index of the first signal in a Row; the others follow it to the end."""


class Row(NamedTuple):
    """A row of the table `telemetry`, in the order of its columns.

    The times are in UTC; the signals have the units and the signs of `Reading`.
    """

    vin: str
    ts: datetime
    received_at: datetime
    """By our clock."""
    soc: float | None
    soh: float | None
    pack_voltage: float | None
    pack_current: float | None
    max_temp: float | None
    min_temp: float | None
    odo_km: float | None

    @classmethod
    def of(cls, reading: Reading, received_at: datetime) -> Self:
        """Return the row of a reading that was received at `received_at`."""
        return cls(
            reading.vin,
            reading.ts,
            received_at,
            reading.soc,
            reading.soh,
            reading.pack_voltage,
            reading.pack_current,
            reading.max_temp,
            reading.min_temp,
            reading.odo_km,
        )


def power_kw(pack_voltage: float | None, pack_current: float | None) -> float | None:
    """Return the power in kW, positive while discharging, to 4 decimals; None where V or A is None."""
    if pack_voltage is None or pack_current is None:
        return None
    # + 0.0 turns -0.0 into 0.0, for a charging power that rounds to zero.
    return round(pack_voltage * pack_current / 1000, 4) + 0.0


def why_invalid(error: ValidationError) -> str:
    """Return one line that names each bad field and the reason, without the values that were sent."""
    reasons = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = ".".join(str(part) for part in problem["loc"])
        reasons.append(f"{field}: {plain(problem['msg'])}" if field else plain(problem["msg"]))
    return "; ".join(reasons)
