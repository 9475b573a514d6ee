"""The fault harness's read of a database after a run, with a check of the hours against the readings."""

import pytest
from sqlalchemy import text

from scripts.faults import inspection, numbered_reading
from scripts.faults.site import Site
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from tests.hours import close_all
from tests.readings import START, row


@pytest.fixture
def site(monkeypatch, database_url, tmp_path):
    """Return a site with a database only; no server of its own."""
    url = database_url.replace("+psycopg", "")
    monkeypatch.setattr(Site, "database_url", url)
    return Site(tmp_path)


@pytest.fixture
def change(engine):
    """Store the harness's readings of these numbers as of MQTT, then change data by hand."""

    def make(numbers, by_hand=None):
        readings = [numbered_reading.row(numbered_reading.MQTT, number) for number in numbers]
        rows = [
            row(vin)._replace(ts=ts, received_at=START, soc=soc, pack_voltage=voltage, odo_km=odo_km)
            for vin, ts, soc, voltage, odo_km in readings
        ]
        with engine.begin() as connection:
            store(connection, rows, CopyBackoff())
        close_all(engine)
        if by_hand:
            with engine.begin() as connection:
                assert connection.execute(text(by_hand)).rowcount > 0

    return make


def test_a_run_that_went_well(site, change):
    """All readings are counted, none is wrong, and the hours agree."""
    change(range(1_000))
    assert inspection.count(site) == 1_000
    assert inspection.read(site).wrong == 0
    assert inspection.differing_hours(site) == {}


@pytest.mark.parametrize(
    "by_hand",
    [
        "DELETE FROM closed_hours WHERE vin = 'MQTT-03'",
        "UPDATE closed_hours SET samples = 2 * samples WHERE vin = 'MQTT-03'",
        "DELETE FROM telemetry WHERE vin = 'MQTT-03' AND soc = 0.3",
    ],
)
def test_hours_that_do_not_follow(site, change, by_hand):
    """Missing, counted twice, or without their reading: the vehicle is named."""
    change(range(1_000), by_hand)
    assert inspection.differing_hours(site) == {"MQTT-03": 1}


def test_a_run_begins_with_nothing(site, change, monkeypatch):
    """Rows of the run before are deleted: hours would be added up."""
    change(range(1_000))
    monkeypatch.setattr(site.postgres, "start", lambda: None)
    monkeypatch.setattr(site.api, "start", lambda: None)
    assert site.empty() == 1_000_000
    for table in ("telemetry", "open_hours", "closed_hours", "vehicle_latest", "rejections"):
        assert site.query(f"SELECT count(*) FROM {table}") == [(0,)], table
