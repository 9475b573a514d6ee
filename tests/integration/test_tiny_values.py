"""Values that the contract accepts and whose products or means are too small for a double.

PostgreSQL raises an error where a product or a quotient underflows; Python and NumPy give 0.
"""

import pytest
from alembic import command
from sqlalchemy import text

from shared import rollups
from shared.migrate import alembic_config, migrate
from shared.storage.engine import writer_engine
from shared.storage.schema_version import expected_version
from shared.wire.reading import Row
from tests.readings import raw, row, stamp

LEAST = 5e-324
TINY = [
    (1e-200, 1e-200),
    (1e-200, -1e-200),
    (LEAST, LEAST),
    (LEAST, -3000.0),
    (6000.0, LEAST),
    (1e-310, 1e-3),
]
"""Voltages and currents."""
WINDOW = {"from_ts": stamp(-4_000), "to_ts": stamp(90_000)}


def tiny_readings():
    """Make a day of readings, with gaps: hours of one reading, and hours of several."""
    seconds = [0, 1, 2, 60, 61, 4_000, 4_100, 4_200, 7_300, 80_000, 80_001]
    for n, second in enumerate(seconds):
        volts, amps = TINY[n % len(TINY)]
        # With zeros among them, the mean of an hour is below the least double.
        others = dict.fromkeys(("soc", "soh", "max_temp", "min_temp", "odo_km"), 0.0 if n % 4 else LEAST)
        yield raw(second=second, pack_voltage=volts, pack_current=amps, **others)


def test_every_answer(api, engine):
    """No statement of the API or of the check of the hours fails on them."""
    assert api.post("/api/telemetry", json=list(tiny_readings())).json() == {"inserted": 11}
    assert api.put("/api/vehicles/VIN-00001/profile", json={"capacity_ah": 60, "current_sign": -1}).is_success
    vehicle = "/api/vehicles/VIN-00001"
    for path, query in [
        (f"{vehicle}/latest", {}),
        (f"{vehicle}/summary", WINDOW),
        (f"{vehicle}/telemetry", {}),
        (f"{vehicle}/series", {**WINDOW, "interval": "1m"}),
        (f"{vehicle}/series", {**WINDOW, "interval": "1h"}),
        (f"{vehicle}/series", {**WINDOW, "interval": "6h"}),
        (f"{vehicle}/series", {**WINDOW, "points": 7}),
        (f"{vehicle}/anomalies", WINDOW),
        (f"{vehicle}/sessions", WINDOW),
        (f"{vehicle}/battery", {}),
        ("/api/vehicles", {}),
        ("/api/fleet", {}),
        ("/api/alerts", {}),
        ("/api/export/telemetry", {**WINDOW, "vin": "VIN-00001", "format": "csv"}),
        ("/api/export/telemetry", {**WINDOW, "vin": "VIN-00001", "format": "ndjson"}),
        ("/api/export/summary", {**WINDOW, "vin": "VIN-00001"}),
    ]:
        answer = api.get(path, params=query)
        assert answer.status_code == 200, (path, query, answer.text)
        assert answer.content, path
    latest = api.get(f"{vehicle}/latest").json()
    assert (latest["pack_voltage"], latest["pack_current"], latest["power_kw"]) == (6000.0, LEAST, 0.0)
    assert rollups.check(engine) == {}
    assert rollups.rebuild(engine) == 1
    assert rollups.check(engine) == {}


def test_the_migration_to_hours(empty_database_url):
    """A database of version 0002 that holds such readings comes up to date; the hours agree with them."""
    engine = writer_engine(empty_database_url, name="test")
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        insert = f"INSERT INTO telemetry ({', '.join(Row._fields)}) VALUES (:{', :'.join(Row._fields)})"
        for n, (volts, amps) in enumerate([*TINY, (400.5, -12.25), (None, 1.0)]):
            reading = row(second=1_000 * n, pack_voltage=volts, pack_current=amps)
            connection.execute(text(insert), reading._asdict())
        connection.commit()
    assert migrate(engine) == expected_version()
    with engine.connect() as connection:
        hours = connection.execute(
            text("SELECT power_kw_n, power_kw_min FROM telemetry_hourly ORDER BY hour")
        )
        numbers = [tuple(hour) for hour in hours]
    assert sum(number for number, _ in numbers) == 7
    assert min(lowest for _, lowest in numbers) == pytest.approx(-4.906125)
    assert rollups.check(engine) == {}
    engine.dispose()


@pytest.mark.parametrize("value", [LEAST, -0.0, 1e-323, 2.2250738585072014e-308])
def test_they_come_back_as_they_were(api, value):
    """The smallest values are kept to the last bit."""
    assert api.post("/api/telemetry", json=[raw(pack_current=value)]).json() == {"inserted": 1}
    assert api.get("/api/vehicles/VIN-00001/latest").json()["pack_current"] == value
