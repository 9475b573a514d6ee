"""Shape of the fleet's charging."""

from datetime import datetime

from pydantic import BaseModel, Field


class ChargingVehicle(BaseModel):
    """A vehicle, as a charging round asks about it."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    name: str | None = Field(description="Of the vehicle's profile, as group and plate")
    group: str | None
    plate: str | None
    ts: datetime = Field(description="Of its newest reading")
    soc: float | None = Field(description="%")
    charging: bool
    low: bool = Field(description="Below soc_below, and not charging")
    pack_current: float | None = Field(description="A, positive = discharge")
    power_kw: float | None = Field(description="kW, positive = discharge")
    charged_at: datetime | None = Field(
        description="Begin of the last whole hour since `since` in which 2 A or more went in on average,"
        " known at most 70 minutes later; null: none"
    )
    done_at: datetime | None = Field(
        description="Time at which soc reaches 100 % at the present current; null where the vehicle does not"
        " charge, or its profile has no nominal capacity"
    )


class ChargingCounts(BaseModel):
    """Vehicles of the whole fleet, before any filter."""

    vehicles: int
    charging: int
    low: int
    not_charged: int = Field(description="Neither charging now nor charged since `since`")


class ChargingFleet(BaseModel):
    """Charging of the fleet at one moment."""

    at: datetime
    since: datetime
    counts: ChargingCounts
    matching: int = Field(description="Vehicles that pass the filters")
    page: int
    pages: int
    vehicles: list[ChargingVehicle]
