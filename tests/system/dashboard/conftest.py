"""The dashboard in a real browser, against a real API and database.

After each test: no error on the console, no request to another host, and the page had its policy.
"""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from scripts.launcher.browser import open_browser
from scripts.launcher.guard import ROOT
from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.conftest import eventually
from tests.dashboard import DESKTOP, NOW, VIN, keep_rows, row, whole
from tests.watch import Watch

expect.set_options(timeout=10_000)

# A module of the sources by its own name, which tests import in the page; built names hold a hash.
_SOURCE = re.compile(r"/dashboard/[a-z_/]+\.js$")


def send_source(route):
    """Answer with a module as it lies in the checkout; the service has only the bundle."""
    route.fulfill(path=ROOT / "api" / urlsplit(route.request.url).path[1:], content_type="text/javascript")


@pytest.fixture(scope="module")
def browser():
    with open_browser() as running:
        yield running


@pytest.fixture
def show(browser):
    """Open the dashboard of an API: `show(api, "#/")` returns the page; checks for errors at the end."""
    contexts, watches = [], []

    def open_page(api, place="#/", *, viewport=DESKTOP, scheme="light", context=None):
        if context is None:
            context = browser.new_context(viewport=viewport, color_scheme=scheme, timezone_id="Asia/Kolkata")
            contexts.append(context)
        page = context.new_page()
        page.watch = Watch(page, str(api.base_url))
        watches.append(page.watch)
        page.route(_SOURCE, send_source)
        page.goto(f"{api.base_url}/{place}")
        eventually(lambda: has_started(page), within=30)
        return page

    yield open_page
    for context in contexts:
        context.close()
    for watch in watches:
        watch.check()


def has_started(page):
    """Return whether the page's scripts run, or none exists; reloads a page that could not load its files."""
    # The page of a service without a built dashboard has no scripts.
    if page.locator("main > :not(noscript), #swagger-ui > *").count() or not page.locator("script").count():
        return True
    if page.watch.network_changed:
        page.watch.network_changed = False
        page.reload()
    page.wait_for_timeout(50)
    return False


@pytest.fixture
def keep(engine):
    """Store readings that arrived when they were taken: `keep(vin, minutes_ago, soc=...)`."""

    def keep_one(vin, minutes_ago=0, **signals):
        keep_rows(engine, [row(vin, minutes_ago, **signals)])

    return keep_one


@pytest.fixture
def car(engine):
    """Store a day of one vehicle: a drive, two hours of silence, half an hour of heat, and one rejection."""
    rows = []
    for minute in range(0, 24 * 60, 2):
        if 300 < minute < 420:
            continue
        drives = 600 <= minute < 660
        heat = {"max_temp": 61.0 if 120 <= minute < 150 else 31}
        motion = {"odo_km": 1201.5 + max(0, min(660 - minute, 60)), "pack_current": 60 if drives else 0}
        rows.append(whole(minute, soc=40 + minute / 60, **heat, **motion))
    keep_rows(engine, rows)
    hostile = "<img src=x onerror=alert(1)>"
    rejection = Rejection(VIN, NOW, Reason.BAD_READING, hostile, None, b"vehicles/CAR-00001/telemetry", b"{}")
    with engine.begin() as connection:
        keep_rejections(connection, [rejection])
    return VIN


@pytest.fixture
def fleet(engine):
    """Store sixty-three vehicles: 20 silent for days, and three in need of help."""
    # Relative to this moment, or a slow run of the tests finds them stale.
    now = -(datetime.now(UTC) - NOW).total_seconds() / 60
    rows = [row(f"VAN-{n:05d}", now, soc=30 + n, pack_current=5, pack_voltage=300) for n in range(40)]
    rows += [row(f"OLD-{n:05d}", 60 * 24 * 3, soc=50 + n) for n in range(20)]
    rows += [row("HOT-00001", now, soc=50, max_temp=66, min_temp=60), row("HOT-00002", now, max_temp=53)]
    rows += [row("LOW-00001", now, soc=15, pack_current=-30, pack_voltage=300)]
    keep_rows(engine, rows)
