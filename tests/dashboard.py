"""Vehicles for the dashboard's tests, and locators and waits for its pages."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.reading import Reading, Row

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
NOW = datetime.now(UTC).replace(microsecond=0)
VIN = "CAR-00001"


def keep_rows(engine, rows):
    """Store these rows."""
    with engine.begin() as connection:
        store(connection, rows, CopyBackoff())


def row(vin=VIN, minutes_ago=0.0, **signals):
    ts = NOW - timedelta(minutes=minutes_ago)
    reading = {"vin": vin, "ts": ts.isoformat(), **signals}
    return Row.of(Reading.model_validate(reading, context=NOW + timedelta(hours=1)), ts)


def whole(minutes_ago=0.0, **signals):
    """Return a row with every signal."""
    usual = {
        "soc": 64.2,
        "soh": 91.5,
        "pack_voltage": 350,
        "pack_current": 20,
        "max_temp": 31,
        "min_temp": 27,
    }
    return row(minutes_ago=minutes_ago, **{**usual, "odo_km": 1201.5, **signals})


def vins(page):
    """Locate the VINs of the fleet's table, as links."""
    return page.locator("tbody a.vin")


def overflow(page):
    """Return the pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def loaded(page):
    """Wait for a vehicle's page with all of its parts."""
    expect(page.locator(".plot canvas").first).to_be_visible()
    expect(page.locator(".plot").first).to_have_attribute("aria-label", re.compile("Arrow keys"))
    expect(page.locator(".skeleton")).to_have_count(0)


def stamp(time):
    """Format a time as in an address."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
