"""What the calls answer. Names are the wire names; units stand beside them."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import RowMapping

from shared.connectivity import State, Status
from shared.diagnostics.alerts import AlertCode, Severity
from shared.rejections import readable


class Health(BaseModel):
    """Whether the database answers."""

    status: Literal["OK", "DEGRADED"]
    db: Literal["OK", "DOWN"]


class Liveness(BaseModel):
    """Whether this process answers."""

    status: Literal["OK"]


class IngestResult(BaseModel):
    """What became of the readings of one request; it is committed."""

    inserted: int = Field(description="Readings that are new", examples=[2])
    duplicates: int | None = Field(
        None, description="Readings whose (vin, ts) was there before; absent when 0"
    )


class AlertOut(BaseModel):
    """One thing that needs a person."""

    code: AlertCode
    severity: Severity
    message: str = Field(examples=["The hottest cell is at 52 °C (limit 50 °C)."])


class StoredReading(BaseModel):
    """A reading as it was stored, with its power."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    ts: datetime = Field(examples=["2026-01-24T12:10:00Z"])
    soc: float | None = Field(description="State of charge, %", examples=[35.5])
    soh: float | None = Field(description="State of health, %", examples=[92.0])
    pack_voltage: float | None = Field(description="V", examples=[315.0])
    pack_current: float | None = Field(description="A, positive = discharge", examples=[70.0])
    power_kw: float | None = Field(description="kW, positive = discharge", examples=[22.05])
    max_temp: float | None = Field(description="Hottest cell, °C", examples=[32.0])
    min_temp: float | None = Field(description="Coldest cell, °C", examples=[24.0])
    odo_km: float | None = Field(description="km", examples=[1201.8])


class VehicleState(StoredReading):
    """The reading with the newest `ts` of a vehicle, and what it says needs a person."""

    alerts: list[AlertOut]


class ConnectivityOut(BaseModel):
    """Whether a vehicle is online."""

    state: State
    since: datetime | None = Field(
        description="When that became true, by our clock; null where a vehicle never said that it is online"
    )


class ListedVehicle(VehicleState):
    """A vehicle of the fleet."""

    received_at: datetime = Field(description="When this reading came, by our clock")
    connectivity: ConnectivityOut


class VehicleConnectivity(ConnectivityOut):
    """Whether a vehicle is online, and what says so."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    received_at: datetime | None = Field(description="When its newest reading came; null: none yet")
    status: Status | None = Field(description="What it said of itself last; null: nothing yet")
    status_received_at: datetime | None = Field(description="When it said so first")


class FleetVehicle(ListedVehicle):
    """A vehicle of the overview."""

    charging: bool = Field(
        description="Not offline, takes in 2 A or more; odometer, where known, still for two minutes"
    )


class AlertCounts(BaseModel):
    """Vehicles by their worst alert."""

    info: int
    warning: int
    critical: int


class FleetCounts(BaseModel):
    """Vehicles of the whole fleet, whatever was asked for."""

    vehicles: int
    online: int
    stale: int
    offline: int
    charging: int
    alerts: AlertCounts


class Fleet(BaseModel):
    """The fleet at one moment, one page of it in full."""

    at: datetime
    counts: FleetCounts
    matching: int = Field(description="Vehicles that pass every filter")
    page: int
    pages: int = Field(description="Of the vehicles that match")
    vehicles: list[FleetVehicle]


class Summary(BaseModel):
    """Extremes of a vehicle's readings in a window, both ends included."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    from_ts: datetime = Field(examples=["2026-01-24T11:59:00Z"])
    to_ts: datetime = Field(examples=["2026-01-24T12:10:00Z"])
    samples: int = Field(description="Readings in the window", examples=[2])
    soc_min: float | None = Field(description="%", examples=[18.0])
    soc_max: float | None = Field(description="%", examples=[35.5])
    temp_max: float | None = Field(description="Highest max_temp, °C", examples=[52.0])
    temp_min: float | None = Field(description="Lowest min_temp, °C", examples=[24.0])


class Spread(BaseModel):
    """One signal, one value a bucket; null where the bucket holds no value of it."""

    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]


class Series(BaseModel):
    """A vehicle's signals over time. All lists have the same length: one element a bucket."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    from_ts: datetime = Field(examples=["2026-01-24T12:00:00Z"])
    to_ts: datetime = Field(examples=["2026-01-24T13:00:00Z"])
    interval_s: float = Field(description="Length of a bucket, seconds", examples=[300])
    ts: list[datetime] = Field(description="Where each bucket begins; one without readings is left out")
    samples: list[int] = Field(description="Readings in each bucket")
    soc: Spread = Field(description="%")
    soh: Spread = Field(description="%")
    pack_voltage: Spread = Field(description="V")
    pack_current: Spread = Field(description="A, positive = discharge")
    max_temp: Spread = Field(description="Hottest cell, °C")
    min_temp: Spread = Field(description="Coldest cell, °C")
    odo_km: Spread = Field(description="km")
    power_kw: Spread = Field(description="kW, positive = discharge")


class RejectionOut(BaseModel):
    """A message, or one reading of an array, that could not be stored, and why."""

    id: UUID = Field(description="Made from what was received: the same content has the same id")
    vin: str = Field(description="Empty where the topic names no vehicle", examples=["VIN-DEMO-001"])
    received_at: datetime = Field(description="Our clock", examples=["2026-01-24T12:10:00.25Z"])
    reason: str = Field(examples=["bad_reading"])
    detail: str = Field(
        description="A sentence for a person",
        examples=["soc: should be less than or equal to 100"],
    )
    index: int | None = Field(description="Place in the array; null for a whole message", examples=[3])
    topic: str = Field(
        description="What is not UTF-8 in it stands as \\xNN", examples=["vehicles/VIN-DEMO-001/telemetry"]
    )
    payload_bytes: int = Field(description="Size of the payload, bytes", examples=[57])

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """From a row of `rejections` as its questions answer it."""
        return cls(**readable(row))


class RejectionWithPayload(RejectionOut):
    """A rejection with what was received: the message, or the one element of its array."""

    payload: str | None = Field(description="As text; null where it is not UTF-8")
    payload_base64: str | None = Field(description="In base64 where it is not UTF-8; null where it is")


class ReplayResult(BaseModel):
    """What became of the readings of a rejection; it is committed, and the rejection is gone."""

    stored: int = Field(description="Readings that are new", examples=[1])
    duplicate: int = Field(description="Readings that were there before, with the same values", examples=[0])
