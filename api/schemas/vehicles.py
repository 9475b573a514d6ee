"""Answers of the calls. Names are the wire names; descriptions give units."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import RowMapping

from shared.diagnostics.alerts import AlertCode, Severity
from shared.rejections.model import readable
from shared.wire.connectivity import State, Status


class Health(BaseModel):
    """Health of the database."""

    status: Literal["OK", "DEGRADED"]
    db: Literal["OK", "DOWN"]


class Liveness(BaseModel):
    """Health of this process."""

    status: Literal["OK"]


class IngestResult(BaseModel):
    """Outcome of the readings of one request, after the commit."""

    inserted: int = Field(description="Readings that added a signal", examples=[2])
    duplicates: int | None = Field(
        None,
        description="Readings that added none: all their values were stored before, or another one was;"
        " absent when 0",
    )


class AlertOut(BaseModel):
    """One fact that needs a person's attention."""

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


class AsOf(BaseModel):
    """The `ts` of each value that is older than the vehicle's newest reading."""

    soc: datetime | None = None
    soh: datetime | None = None
    pack_voltage: datetime | None = None
    pack_current: datetime | None = None
    max_temp: datetime | None = None
    min_temp: datetime | None = None
    odo_km: datetime | None = None


class VehicleState(StoredReading):
    """The newest value of each signal of a vehicle, and their alerts; `ts` is that of its newest reading.

    `power_kw` is null where voltage and current are more than 10 s apart. A temperature more than 15 minutes
    older than `ts` takes no part in alerts.
    """

    as_of: AsOf | None = Field(
        None, description="The `ts` of each value that is older than `ts`; absent where none is"
    )
    alerts: list[AlertOut]


class ConnectivityOut(BaseModel):
    """Connectivity of a vehicle."""

    state: State
    since: datetime | None = Field(
        description="Begin of this state, by our clock; null where the vehicle never published online"
    )


class ListedVehicle(VehicleState):
    """A vehicle of the fleet."""

    received_at: datetime = Field(description="Time of the last arrival of a reading, by our clock")
    connectivity: ConnectivityOut


class VehicleConnectivity(ConnectivityOut):
    """Connectivity of a vehicle, and the facts it follows from."""

    vin: str = Field(examples=["VIN-DEMO-001"])
    received_at: datetime | None = Field(description="Time of the last arrival of a reading; null: none yet")
    status: Status | None = Field(description="The last status the vehicle published; null: none yet")
    status_received_at: datetime | None = Field(description="Time at which that status first arrived")


class WorstEpisode(BaseModel):
    """The worst open episode of a vehicle: a thermal event first, then by severity, then the newest."""

    id: UUID
    code: str = Field(examples=["TEMP_HIGH"])
    severity: Severity
    since: datetime = Field(description="Its begin, by the vehicle's clock")
    acknowledged: bool


class FleetVehicle(ListedVehicle):
    """A vehicle of the overview."""

    charging: bool = Field(
        description="Online, takes in 2 A or more; odometer, where known, still for two minutes"
    )
    worst_episode: WorstEpisode | None = Field(description="null: none is open")
    open_episodes: int
    episodes_24h: int = Field(description="Episodes that were found in the last 24 hours, ended ones too")
    name: str | None = Field(description="Of the vehicle's profile, as group and plate")
    group: str | None
    plate: str | None


class AlertCounts(BaseModel):
    """Vehicles by their worst alert."""

    info: int
    warning: int
    critical: int


class FleetCounts(BaseModel):
    """Vehicles of the whole fleet, before any filter."""

    vehicles: int
    online: int
    stale: int
    offline: int
    charging: int
    alerts: AlertCounts
    episodes: AlertCounts = Field(description="Vehicles by their worst open episode")
    latched: int = Field(description="Vehicles with a thermal event without acknowledgement")


class Fleet(BaseModel):
    """The fleet at one moment, one page of it in full."""

    at: datetime
    arrival_lag_s: float | None = Field(
        description="Median seconds from ts to received_at of the vehicles that sent lately: long while a"
        " backlog is stored, or where vehicles send late; null where none sent",
        examples=[0.4],
    )
    counts: FleetCounts
    matching: int = Field(description="Vehicles that pass every filter")
    page: int
    pages: int = Field(description="Pages of vehicles that match")
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
    ts: list[datetime] = Field(description="Begin of each bucket; buckets without readings are left out")
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
    """A message, or one reading of an array, that could not be stored, with the reason."""

    id: UUID = Field(description="Made from the received content: the same content has the same id")
    vin: str = Field(description="Empty where the topic names no vehicle", examples=["VIN-DEMO-001"])
    received_at: datetime = Field(description="Our clock", examples=["2026-01-24T12:10:00.25Z"])
    reason: str = Field(examples=["bad_reading"])
    detail: str = Field(
        description="A sentence for a person",
        examples=["soc: should be less than or equal to 100"],
    )
    index: int | None = Field(description="Place in the array; null for a whole message", examples=[3])
    topic: str = Field(
        description="Bytes that are not UTF-8 are written as \\xNN",
        examples=["vehicles/VIN-DEMO-001/telemetry"],
    )
    payload_bytes: int = Field(description="Size of the payload, bytes", examples=[57])

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """Build the item of a row of `rejections`."""
        return cls(**readable(row))


class RejectionWithPayload(RejectionOut):
    """A rejection with its payload: the message, or the one element of its array."""

    payload: str | None = Field(description="Payload as text; null where it is not UTF-8")
    payload_base64: str | None = Field(
        description="Payload in base64 where it is not UTF-8; null where it is"
    )


class ReplayResult(BaseModel):
    """Outcome of the readings of a replayed rejection, after the commit; the rejection is deleted."""

    stored: int = Field(description="Readings that are new", examples=[1])
    duplicate: int = Field(description="Readings whose values were all stored before", examples=[0])
