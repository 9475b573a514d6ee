"""Latest signals and marks of a wide fleet: by COPY where many are missing, and with few writes where not."""

import threading

import pytest
from sqlalchemy import text

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.store_readings import Outcome, store
from tests.hours import LATEST, NEWEST
from tests.readings import row
from tests.ways import copy_from

VEHICLES = 600
MARKS = "SELECT vin, hour FROM open_hours ORDER BY 1, 2"
HOURS = "SELECT DISTINCT vin, date_trunc('hour', ts, 'UTC') FROM telemetry ORDER BY 1, 2"


def fleet(vehicles, second=0, **signals):
    """Make a reading of each of these vehicles."""
    return [row(f"VIN-{vehicle:05}", second, **(signals or {"soc": vehicle / 10})) for vehicle in vehicles]


def put(engine, rows):
    with engine.begin() as connection:
        return store(connection, rows, CopyBackoff())


def check(engine):
    """Compare the latest signals and the marks with those of the readings."""
    with engine.connect() as connection:
        latest = connection.execute(text(f"SELECT {LATEST} FROM vehicle_latest ORDER BY vin")).all()
        assert latest == connection.execute(text(NEWEST)).all()
        assert connection.execute(text(MARKS)).all() == connection.execute(text(HOURS)).all()
    return latest


@pytest.mark.parametrize("later", [3_600, 5])
@pytest.mark.parametrize("signals", [{}, {"odo_km": 5.0}, dict.fromkeys(("soc", "soh"), 50.0)])
def test_some_vehicles_are_new(engine, later, signals):
    """New ones beside known ones, with and without a new hour, and signals that come apart."""
    put(engine, fleet(range(0, VEHICLES, 2)))
    put(engine, fleet(range(VEHICLES), later, **signals) + fleet(range(60), 2 * later, soh=90.0))
    assert len(check(engine)) == VEHICLES


@pytest.mark.parametrize("least", [1, 50, 1_000_000])
def test_two_writers_have_the_same_new_vehicles(engine, database_url, monkeypatch, least):
    """The second one waits for the first one's rows, finds them there, and merges."""
    copy_from(monkeypatch, least)
    outcomes = []
    other = writer_engine(database_url, name="rival")
    rival = threading.Thread(target=lambda: outcomes.append(put(other, fleet(range(VEHICLES), 10, soh=91.0))))
    with engine.begin() as connection:
        store(connection, fleet(range(VEHICLES)), CopyBackoff())
        rival.start()
        rival.join(0.5)
        assert rival.is_alive()
    rival.join()
    other.dispose()
    assert outcomes == [Outcome(VEHICLES, (), ())]
    assert len(check(engine)) == VEHICLES


def test_updates_write_no_index(engine):
    """Those of known vehicles are HOT: the page has room for them."""
    for second in range(3):
        put(engine, fleet(range(VEHICLES), second, **dict.fromkeys(("soc", "soh", "odo_km"), 50.0)))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        updated, hot = connection.execute(
            text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'vehicle_latest'")
        ).one()
    assert updated == 2 * VEHICLES
    assert hot > 0.95 * updated
