"""The final read: the content of the database, compared with the journals by number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import make_url

from scripts.faults import numbered_reading
from scripts.faults.dialect_values import OVMS, TESLAMATE
from scripts.faults.journal import Journal
from scripts.faults.site import Site
from shared import rollups
from shared.storage.close_hours import close_hours
from shared.storage.engine import writer_engine

# Those of devices without a time are read by dialects.py.
_WITHOUT_TIME = " AND ".join(f"vin NOT LIKE '{device.vin}-%%'" for device in (TESLAMATE, OVMS))
_ROWS = f"SELECT vin, ts, soc, pack_voltage, odo_km FROM telemetry WHERE {_WITHOUT_TIME}"  # noqa: S608
_REJECTIONS = "SELECT reason, payload FROM rejections"


@dataclass(slots=True)
class Found:
    """Numbers by channel, each with the count of its rows."""

    stored: dict[str, Counter[int]] = field(
        default_factory=lambda: {numbered_reading.MQTT: Counter(), numbered_reading.POST: Counter()}
    )
    rejected: Counter[int] = field(default_factory=Counter)
    reasons: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    wrong: int = 0
    """Rows with other values than were sent, and rejections of payloads that the harness did not send."""

    def missing(self, journal: Journal) -> set[int]:
        """Return the numbers that were acknowledged and are neither stored nor rejected."""
        accounted = set(self.stored[journal.channel])
        if journal.channel == numbered_reading.MQTT:
            accounted |= self.rejected.keys()
        return journal.acknowledged.keys() - accounted


def read(site: Site) -> Found:
    """Read both tables completely."""
    return classify(site.query(_ROWS), site.query(_REJECTIONS))


def classify(rows: Sequence[tuple[Any, ...]], rejections: Sequence[tuple[Any, ...]]) -> Found:
    """Classify rows (vin, ts, soc, pack_voltage, odo_km) of telemetry and rejections (reason, payload)."""
    found = Found(rows=len(rows))
    for row in rows:
        channel, number = str(row[0]).partition("-")[0], numbered_reading.number_of(row[1])
        if channel in found.stored and tuple(row) == numbered_reading.row(channel, number):
            found.stored[channel][number] += 1
        else:
            found.wrong += 1
    for reason, payload in rejections:
        rejected = numbered_reading.number_in(bytes(payload))
        if rejected is None:
            found.wrong += 1
            continue
        found.rejected[rejected] += 1
        found.reasons[rejected] = str(reason)
    return found


def count(site: Site) -> int:
    """Count rows and rejections together; cheap enough for polling."""
    return int(
        site.query("SELECT (SELECT count(*) FROM telemetry) + (SELECT count(*) FROM rejections)")[0][0]
    )


def differing_hours(site: Site) -> Mapping[str, int]:
    """Close all hours, and count those that differ from the readings, by vehicle."""
    url = make_url(site.database_url).set(drivername="postgresql+psycopg")
    engine = writer_engine(url.render_as_string(hide_password=False), name=site.name)
    try:
        close_hours(engine, now=datetime.now(UTC), quiet=None)
        return rollups.check(engine)
    finally:
        engine.dispose()
