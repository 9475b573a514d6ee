"""Charging of the fleet over HTTP: charging vehicles, low ones, and those that have not charged."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.wire.timestamps import parse_timestamp
from tests.alert_looks import keep
from tests.calls import problem
from tests.hours import close_all
from tests.readings import START, row

PATH = "/api/fleet/charging"


@pytest.fixture
def morning(engine):
    """One vehicle that charges, one that is low, one that charged by night, one that did nothing."""
    # A vehicle is online for a minute after its last arrival.
    now = datetime.now(UTC)
    night = now - timedelta(hours=6)

    def reading(vin, moment, soc, current):
        return row(
            vin,
            (moment - START).total_seconds(),
            moment,
            soc=soc,
            pack_current=current,
            pack_voltage=400.0,
            odo_km=9.0,
        )

    rows = [reading("VIN-CHARGES", now - timedelta(seconds=n), 80.0, -30.0) for n in range(0, 300, 10)]
    rows += [reading("VIN-NIGHT", night + timedelta(minutes=n), 20.0 + n, -20.0) for n in range(60)]
    rows += [reading("VIN-NIGHT", now, 79.0, 0.0), reading("VIN-LOW", now, 12.0, 0.0)]
    rows += [reading("VIN-IDLE", now, 60.0, 0.0)]
    keep(engine, rows)
    close_all(engine)
    return now


def vins(api, **params):
    return [each["vin"] for each in api.get(PATH, params=params).json()["vehicles"]]


def test_a_morning(api, morning):
    """Low first, then charging, then the rest; each choice and its count agree."""
    api.put("/api/vehicles/VIN-CHARGES/profile", json={"capacity_ah": 60, "name": "Van 1", "group": "North"})
    found = api.get(PATH).json()
    assert [each["vin"] for each in found["vehicles"]] == ["VIN-LOW", "VIN-CHARGES", "VIN-IDLE", "VIN-NIGHT"]
    assert found["counts"] == {"vehicles": 4, "charging": 1, "low": 1, "not_charged": 2}
    assert vins(api, show="low") == ["VIN-LOW"]
    assert vins(api, show="charging") == ["VIN-CHARGES"]
    assert vins(api, show="not_charged") == ["VIN-LOW", "VIN-IDLE"]
    assert vins(api, show="low", soc_below=10) == []
    assert vins(api, group="North") == ["VIN-CHARGES"]
    assert vins(api, page=2, page_size=3) == ["VIN-NIGHT"]
    charging = found["vehicles"][1]
    assert (charging["name"], charging["power_kw"], charging["charging"]) == ("Van 1", -12.0, True)
    left = parse_timestamp(charging["done_at"]) - parse_timestamp(found["at"])
    assert left.total_seconds() == pytest.approx(0.2 * 60 / 30 * 3_600)
    assert all(each["done_at"] is None for each in found["vehicles"] if not each["charging"])
    night = found["vehicles"][3]["charged_at"]
    assert timedelta(hours=4) < morning - parse_timestamp(night) < timedelta(hours=8)


def test_since(api, morning):
    """A charge before the moment does not count; the look goes 14 days back at the most."""
    later = (morning - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert vins(api, show="not_charged", since=later) == ["VIN-LOW", "VIN-IDLE", "VIN-NIGHT"]
    earliest = parse_timestamp(api.get(f"{PATH}?since=2026-01-01T00:00:00Z").json()["since"])
    assert timedelta(days=13) < morning - earliest < timedelta(days=15)
    for wrong in ("show=some", "soc_below=101", "page=0", "since=now"):
        problem(api.get(f"{PATH}?{wrong}"), 422)
