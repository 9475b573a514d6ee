"""A POST of readings as it is often written: a list of models, `session.add_all`, `commit`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import DateTime, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from scripts.bench.service import serve, service_arguments

TABLE = "orm_telemetry"
PATH = "/api/telemetry"

app = FastAPI()
sessions = sessionmaker[Session]()


class Base(DeclarativeBase):
    """The base of the one table."""


class StoredReading(Base):
    """A row. Signals are in %, %, V, A, °C, °C, km."""

    __tablename__ = TABLE

    vin: Mapped[str] = mapped_column(primary_key=True)
    ts: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    soc: Mapped[float | None]
    soh: Mapped[float | None]
    pack_voltage: Mapped[float | None]
    pack_current: Mapped[float | None]
    max_temp: Mapped[float | None]
    min_temp: Mapped[float | None]
    odo_km: Mapped[float | None]


class Reading(BaseModel):
    """A reading in the body of a POST."""

    vin: str
    ts: datetime
    soc: float | None = None
    soh: float | None = None
    pack_voltage: float | None = None
    pack_current: float | None = None
    max_temp: float | None = None
    min_temp: float | None = None
    odo_km: float | None = None


def _session() -> Iterator[Session]:
    with sessions() as session:
        yield session


@app.post(PATH)
def ingest(readings: list[Reading], session: Annotated[Session, Depends(_session)]) -> dict[str, int]:
    """Store all readings in one transaction."""
    session.add_all([StoredReading(**reading.model_dump()) for reading in readings])
    session.commit()
    return {"inserted": len(readings)}


if __name__ == "__main__":
    port, url = service_arguments("orm_service", "DATABASE_URL")
    sessions.configure(bind=create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1)))
    serve(app, int(port))
